"""The client of ../support that comes back by itself when its connection breaks, by XEP-0198 when it can."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / 'support'))

import slixmpp_client  # noqa: E402
from slixmpp_client import report  # noqa: E402

RETRY_SECONDS = 0.2


class ResumingClient(slixmpp_client.Client):
    def __init__(self, *args):
        super().__init__(*args)
        self.how = None
        self.is_leaving = False
        self.register_plugin('xep_0198')
        self.add_event_handler('sm_enabled', lambda enabled: report('enabled', id=enabled['id']))
        self.add_event_handler('session_resumed', lambda _: report('resumed'))
        self.add_event_handler('sm_failed', lambda failed: report('resumption_failed', why=str(failed)))
        self.add_event_handler('disconnected', self.come_back)

    def connect(self, *args, **options):
        if args:
            self.how = (args, options)
        args, options = self.how
        return super().connect(*args, **options)

    def disconnect(self, *args, **options):
        self.is_leaving = True
        return super().disconnect(*args, **options)

    async def come_back(self, _):
        await asyncio.sleep(RETRY_SECONDS)
        if not self.is_leaving:
            self.connect()


slixmpp_client.Client = ResumingClient

if __name__ == '__main__':
    asyncio.run(slixmpp_client.main())
