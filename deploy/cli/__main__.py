"""``python -m deploy.cli``: the command line where the console script is not on the path."""

from deploy.cli.main import main

if __name__ == "__main__":
    main()
