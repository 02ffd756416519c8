"""Devices that are tills. Those that were paired before have no kid, and are none."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "tills",
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("country", sa.BigInteger(), nullable=False),
        sa.Column("offline_tap", sa.BigInteger(), nullable=True),
        sa.Column("offline_all", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("credential"),
    )
    op.create_index("tills_by_device", "tills", ["device"], unique=False)
    op.add_column("devices", sa.Column("kid", sa.LargeBinary(), nullable=True))
    op.add_column("devices", sa.Column("till", sa.Text(), nullable=True))
    op.create_index("devices_by_kid", "devices", ["kid"], unique=True)
    with op.batch_alter_table("credentials") as batch:
        batch.alter_column("digest", existing_type=sa.Text(), nullable=True)
