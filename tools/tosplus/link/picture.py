"""A pairing code in a photo or a screenshot, by Pillow and ZXing. Pictures come from anybody: sizes first."""

import io

import zxingcpp
from PIL import Image

from ..errors import HostError

MOST_B = 16 << 20
_PIXELS = 50_000_000  # of the best phones' usual photos
_SIDE = 3000  # pixels; a code that is smaller than a hundredth of the picture is not to be read anyway
_QR = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")


class PictureError(HostError):
    """It is no picture, too large, or shows no code."""


def read(data: bytes) -> str:
    """The text of the pairing code that it shows. Raises PictureError."""
    if len(data) > MOST_B:
        raise PictureError(f"The picture is larger than {MOST_B >> 20} MB.")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > _PIXELS:
                raise Image.DecompressionBombError
            picture.draft("L", (_SIDE, _SIDE))
            grey = picture.convert("L")
    except Image.DecompressionBombError:
        raise PictureError(f"The picture has more than {_PIXELS // 1_000_000} million pixels.") from None
    except Exception:  # whatever a decoder may find in bytes from anybody
        raise PictureError("This is not a picture that can be read; JPEG, PNG and WebP can.") from None
    grey.thumbnail((_SIDE, _SIDE))
    found = {code.text for code in zxingcpp.read_barcodes(grey, formats=_QR)}
    codes = [text for text in found if text.lower().startswith("tos:")]
    if len(codes) == 1:
        return codes[0]
    if codes:
        raise PictureError("The picture shows several pairing codes. Take one of a single device.")
    raise PictureError(
        "The picture shows a QR code, but not a pairing code."
        if found
        else "No QR code can be seen in the picture. Come closer, without glare, or type the code."
    )
