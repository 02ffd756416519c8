include("../../firmware/manifests/core.py")
package(
    "tos",
    ("ports/unix/__init__.py", "ports/unix/control.py", "ports/unix/rare.py", "ports/unix/physics.py", "ports/unix/world.py"),
    base_path="../../firmware",
)
