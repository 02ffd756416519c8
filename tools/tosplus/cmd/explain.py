"""`tos explain`: the words for a code, or bytes taken apart."""

import json

import click


@click.command("explain", short_help="What a code, a frame or a CBOR item says.")
@click.argument("what", nargs=-1, required=True, metavar="CODE|HEX...")
@click.option("--path", help="The resource that a payload belongs to, such as /d, where the bytes do not say.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(what: tuple[str, ...], path: str | None, as_json: bool) -> None:
    """What a code in a log means, or what a CoAP message or a CBOR item says.

    Three decimal digits are a code; everything else is hex, with or without spaces, colons and 0x. (Three digits
    cannot be hex: a byte has two.) Exits 2 for what is malformed, and says at which byte and why.

    \b
      tos explain 334
      tos explain 40 01 7d 34 bb 74 65 6d 70 65 72 61 74 75 72 65
      tos explain --path /d a2006a6b6574746c652d31323301666b6574746c65
    """
    from ..explain import explain

    found = explain(" ".join(what), path)
    if as_json:
        click.echo(json.dumps(found.data, ensure_ascii=False))
        return
    click.echo(found.title)
    for line in found.details:
        click.echo(f"  {line}")
