# What a till does, while there is something to do: its desk, a sale, what it owes, what is asked of it.
loaded = "while it lasts"
package("toscore", ("apdu.py", "cmac.py", "emv.py", "terminal.py", "tlv.py"), base_path="../../lib", opt=3)
package(
    "tos",
    ("till_ask.py", "till_desk.py", "till_link.py", "till_sale.py", "till_sales.py", "till_tell.py", "till_words.py"),
    base_path="..",
    opt=3,
)
