"""`cognito-mr-auth completion`: the script that makes a shell complete commands and options.

Owns only the command; click makes the scripts.
"""

from __future__ import annotations

from typing import Final

import click
from click import shell_completion

__all__ = ["PROGRAM", "completion"]

PROGRAM: Final = "cognito-mr-auth"
# The variable by which a shell asks click for completions. click derives its name from the program's.
_VARIABLE: Final = "_COGNITO_MR_AUTH_COMPLETE"
_SHELLS: Final[dict[str, type[shell_completion.ShellComplete]]] = {
    "bash": shell_completion.BashComplete,
    "zsh": shell_completion.ZshComplete,
    "fish": shell_completion.FishComplete,
}


@click.command()
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, /, shell: str) -> None:
    r"""Print the script that completes this program's commands and options in a shell.

    \b
    bash: eval "$(cognito-mr-auth completion bash)"   in ~/.bashrc; bash 4.4 or later
    zsh:  eval "$(cognito-mr-auth completion zsh)"    in ~/.zshrc, after compinit
    fish: cognito-mr-auth completion fish | source    in ~/.config/fish/config.fish
    """
    script = _SHELLS[shell](ctx.find_root().command, {}, PROGRAM, _VARIABLE)
    # The base class's method, because bash's class starts a bash to read its version.
    click.echo(shell_completion.ShellComplete.source(script))
