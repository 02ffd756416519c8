"""The command `tos`. Each noun is a file in cmd/, imported when it is asked for."""

import importlib

import click

from .errors import HostError

_MAKE = ("new", "board", "build", "flash", "sim", "nfc", "hil")
_COMMANDS = ("demo", *_MAKE, "pair", "provision", "dev", "hub", "ota", "tokens", "till", "explain")


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"tosplus.cmd.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except HostError as e:
            click.echo(f"Error: {e}", err=True)
            ctx.exit(e.exit_code)


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Exit codes: 0 done; 1 it did not work; 2 wrong usage; 3 no answer from a device.
Completion: eval "$(_TOS_COMPLETE=bash_source tos)"   (or zsh_source, fish_source)
""",
)
def cli() -> None:
    """TOS+: build, simulate and operate open devices.

    \b
    First five minutes, with no hardware:
      tos demo                    five devices and their hub, live in the browser
      tos sim kettle              a kettle in this terminal ...
      tos pair CODE               the code that it prints, in another terminal ...
      tos dev set kettle power on ... and a switch for it
      tos new night_light         a product of your own, with its test
      tos explain 334             what a number in a log means
    """


def main() -> None:
    cli(prog_name="tos")
