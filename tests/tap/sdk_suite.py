"""The SDK's own test suite for taps, run by ``test_tap_sdk.py`` with its settings in the environment."""

from singer_sdk.testing import SuiteConfig, get_tap_test_class

from tap_saaskpi.tap import TapSaaskpi

# Evidence need not disagree anywhere: that table may be empty.
MAY_BE_EMPTY = ["kpi_mrr_differences"]

TestTapSaaskpi = get_tap_test_class(
    TapSaaskpi, suite_config=SuiteConfig(ignore_no_records_for_streams=MAY_BE_EMPTY)
)
