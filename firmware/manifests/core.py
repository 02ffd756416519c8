# The core that every product needs: App, resources, rules, services, storage and the link.
package(
    "toscore",
    ("__init__.py", "errors.py", "cbor.py", "cbor_viper.py", "coap.py", "block.py", "exchange.py", "observe.py")
    + ("packed_viper.py",)
    + ("oscore.py", "oscore_wire.py", "oscore_server.py", "oscore_kernel_viper.py", "sequence.py", "ccm.py", "hkdf.py")
    + ("pairing.py", "pairing_code.py", "p256.py", "mdns.py", "improv.py", "dns.py", "http.py"),
    base_path="../../lib",
)
package(
    "tos",
    (
        "__init__.py",
        "app.py",
        "resource.py",
        "rule.py",
        "rules.py",
        "log.py",
        "store.py",
        "state.py",
        "reader.py",
        "supervisor.py",
        "bodies.py",
        "link.py",
        "hub.py",
        "announce.py",
        "report.py",
        "asker.py",
        "commands.py",
        "peers.py",
        "roles.py",
        "trust.py",
        "pairing.py",
        "reset.py",
        "net.py",
        "provision.py",
        "improv_serial.py",
        "console.py",
        "wifi.py",
        "fallback.py",
        "portal.py",
        "portal_page.py",
        "pad.py",
        "sleep.py",
        "carried.py",
        "ports/__init__.py",
    ),
    base_path="..",
)
