"""What a device was told of its token's state. Those that have one hear it once more: nobody had written it down."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("tokens", sa.Column("told", sa.Text(), nullable=True))
    op.execute("UPDATE tokens SET told = '?' WHERE device IS NOT NULL")
