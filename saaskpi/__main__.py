"""``python -m saaskpi`` is the command ``saaskpi``."""

from saaskpi.cli import main

if __name__ == "__main__":
    main()
