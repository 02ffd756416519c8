"""The ports of our services, unless they are told others: of the hub and of the token service, each HTTP and CoAP."""

HUB, REPORTS = 8688, 5685
TOKENS, TILLS = 8689, 5690

HUB_URL = f"http://127.0.0.1:{HUB}"
REPORTS_HERE = f"127.0.0.1:{REPORTS}"
TOKENS_URL = f"http://127.0.0.1:{TOKENS}"
