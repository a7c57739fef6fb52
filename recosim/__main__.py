"""``python -m recosim`` is the command ``recosim``."""

from recosim.cli import main

if __name__ == "__main__":
    main()
