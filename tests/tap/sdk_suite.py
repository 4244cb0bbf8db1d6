"""The SDK's own test suite for taps, run by ``test_tap_sdk.py`` with its settings in the environment."""

from singer_sdk.testing import get_tap_test_class

from tap_saaskpi.tap import TapSaaskpi

TestTapSaaskpi = get_tap_test_class(TapSaaskpi)
