"""``python -m simulators``."""

import argparse
import sys

from simulators.command import add_arguments, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m simulators")
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
