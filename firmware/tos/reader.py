"""The reader: a service that reads the sensors, each in its period, and knows when one is silent. MicroPython."""

from micropython import const
from toscore.errors import TosError

_SENSOR_BACK = const(203)
_OUT_OF_RANGE = const(335)
_SENSOR_FAILED = const(402)
_SENSOR_STALE = const(403)

_FAILURES = const(3)


class Reader:
    """A sensor that failed three times in a row is silent: its value becomes None and what depends on it safe."""

    async def run(self, app):
        clock = app.clock
        sensors = [[clock.ms(), 0, r] for r in app.table.rows if r.period_ms]  # due, failures in a row, resource
        try:
            while sensors:
                now = clock.ms()
                for sensor in sensors:
                    due, failures, r = sensor
                    if due <= now:
                        sensor[0] = max(due + r.period_ms, now)
                        sensor[1] = self._read(app, r, failures)
                await clock.sleep_ms(max(1, min([s[0] for s in sensors]) - clock.ms()))
        finally:
            for sensor in sensors:  # a value that nobody reads any more is not known
                app.put(sensor[2], None)

    def _read(self, app, r, failures):
        """Read one sensor; returns its failures in a row."""
        try:
            value = r.fn(app.dev)
            fault = r.fault(value)
            if fault:
                raise TosError(fault, r.path)
        except Exception as e:
            if failures == 0:
                app.log.crashed(e)
            failures += 1
            if failures <= _FAILURES:  # more would push everything else out of the ring
                app.log.event(_SENSOR_FAILED, r.index, failures)
            if failures == _FAILURES:
                app.log.event(_SENSOR_STALE, r.index)
                app.put(r, None)
                app.make_safe(r)
            return failures
        if failures >= _FAILURES:
            app.log.event(_SENSOR_BACK, r.index)
        app.put(r, value)
        return 0
