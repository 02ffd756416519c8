"""`tos explain`: the words for a code, or bytes taken apart."""

import json
from pathlib import Path

import click

from .options import json_option


@click.command("explain", short_help="What a code, a frame or a CBOR item says.")
@click.argument("what", nargs=-1, required=True, metavar="CODE|HEX...")
@click.option("--path", help="The resource that a payload belongs to, such as /d, where the bytes do not say.")
@click.option(
    "--context",
    type=click.Path(path_type=Path),
    envvar="TOS_CONTEXT",
    help="A file with an OSCORE security context, to open what is encrypted. [env: TOS_CONTEXT]",
)
@click.option("--request", metavar="HEX", help="The request that a response answers: its path, and its part in OSCORE.")
@json_option("The same as JSON.")
def command(what: tuple[str, ...], path: str | None, context: Path | None, request: str | None, as_json: bool) -> None:
    """What a code in a log means, or what a CoAP message or a CBOR item says.

    Three decimal digits are a code; everything else is hex, with or without spaces, colons and 0x. (Three digits
    cannot be hex: a byte has two.) Exits 2 for what is malformed, and says at which byte and why.

    The context is a file, and not an option for each key, so that keys stand neither in the shell's history nor in
    the list of processes: {"secret": HEX, "salt": HEX, "sender": HEX, "recipient": HEX, "id_context": HEX}, from the
    side of either peer; salt and id_context may be absent. No key is ever shown.

    \b
      tos explain 334
      tos explain 40 01 7d 34 bb 74 65 6d 70 65 72 61 74 75 72 65
      tos explain --path /d a2006a6b6574746c652d31323301666b6574746c65
      tos explain --context kettle.json 44025d1f00003974396c6f63616c686f7374620914ff612f1092f1776f1c1668b3825e
    """
    from ..link.explain import explain
    from ..link.oscore import Context

    found = explain(" ".join(what), path, Context.read(context) if context else None, request)
    if as_json:
        click.echo(json.dumps(found.data, ensure_ascii=False))
        return
    click.echo(found.title)
    for line in found.details:
        click.echo(f"  {line}")
