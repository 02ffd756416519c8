"""What authorisations read, lock and change: the statements, made once. `among`: what is looked for."""

import sqlalchemy as sa

from . import state, tables
from .among import among

_t, _k, _a, _h = tables.tokens.c, tables.luks.c, tables.auths.c, tables.holders.c
_r, _m = tables.reversals.c, tables.merchants.c
_DAY: sa.BindParameter[float] = sa.bindparam("day")
_HOUR: sa.BindParameter[float] = sa.bindparam("hour")

TOKENS = sa.select(tables.tokens).where(among(_t.number, "among")).order_by(_t.number).with_for_update()
LUKS = sa.select(tables.luks).where(among(_k.number, "among"), sa.or_(among(_k.ki, "kis"), _k.state != state.RETIRED))
EARLIER = sa.select(tables.auths).where(among(_a.request, "among"))
SPENT = (
    sa.select(
        _a.number,
        sa.cast(sa.func.sum(_a.amount), sa.BigInteger).label("amount"),
        sa.func.count().filter(_a.at > _HOUR).label("taps"),
    )
    .where(among(_a.number, "among"), _a.at > _DAY, sa.or_(_a.state == state.HELD, _a.state == state.CAPTURED))
    .group_by(_a.number)
)
HOLDERS = sa.select(tables.holders).where(among(_h.id, "among")).order_by(_h.id).with_for_update()
REVERSALS = sa.select(tables.reversals).where(among(_r.id, "among"))
MERCHANTS = sa.select(tables.merchants).where(among(_m.id, "among"))

BEGIN = (
    tables.tokens.update()
    .where(_t.number == sa.bindparam("b_number"), _t.state == state.PROVISIONED)
    .values(state=state.ACTIVE)
)
SPEND = (
    tables.luks.update()
    .where(_k.number == sa.bindparam("b_number"), _k.ki == sa.bindparam("b_ki"))
    .values(**{name: sa.bindparam(name) for name in ("state", "accepted", "used", "last")})
)
HOLD = tables.holders.update().where(_h.id == sa.bindparam("b_id")).values(held=sa.bindparam("b_held"))
AUTHS, TRANSFERS = tables.auths.insert(), tables.transfers.insert()
POSTINGS, AUDIT = tables.postings.insert(), tables.audit.insert()
