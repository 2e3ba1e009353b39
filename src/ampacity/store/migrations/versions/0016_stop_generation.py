"""Emergency stops that stop generation too."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("site_mode") as modes:
        modes.add_column(
            sa.Column("stop_generation", sa.Boolean(), nullable=False, server_default=sa.false())
        )
