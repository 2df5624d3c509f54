"""A client made with aioxmpp that pages through its archive both ways. aioxmpp has no module for XEP-0313, but all its parts, and
reads strictly. Prints what it found, as one JSON object."""

import asyncio
import json
import sys

import aioxmpp
import aioxmpp.connector
import aioxmpp.misc
import aioxmpp.rsm.xso as rsm
import aioxmpp.xso as xso

JID, PASSWORD, HOST, PORT, AUTHORITIES = sys.argv[1:]
MAM = 'urn:xmpp:mam:2'
PAGE = 5


@aioxmpp.IQ.as_payload_class
class Query(xso.XSO):
    TAG = (MAM, 'query')
    queryid = xso.Attr('queryid', default=None)
    page = xso.Child([rsm.ResultSetMetadata], required=False)


@aioxmpp.IQ.as_payload_class
class Fin(xso.XSO):
    TAG = (MAM, 'fin')
    UNKNOWN_CHILD_POLICY = xso.UnknownChildPolicy.FAIL
    UNKNOWN_ATTR_POLICY = xso.UnknownAttrPolicy.FAIL
    complete = xso.Attr('complete', type_=xso.Bool(), default=False)
    page = xso.Child([rsm.ResultSetMetadata], required=True)


class Result(xso.XSO):
    TAG = (MAM, 'result')
    UNKNOWN_CHILD_POLICY = xso.UnknownChildPolicy.FAIL
    UNKNOWN_ATTR_POLICY = xso.UnknownAttrPolicy.FAIL
    id_ = xso.Attr('id')
    queryid = xso.Attr('queryid', default=None)
    forwarded = xso.Child([aioxmpp.misc.Forwarded], required=True)


aioxmpp.Message.mam_result = xso.Child([Result])


def tls_context():
    context = aioxmpp.security_layer.default_ssl_context()
    context.load_verify_locations(AUTHORITIES)
    return context


async def password(_jid, _attempt):
    return PASSWORD


class Reader:
    def __init__(self):
        login = aioxmpp.security_layer.PasswordSASLProvider(password, max_auth_attempts=1)
        security = aioxmpp.make_security_layer(password)._replace(
            ssl_context_factory=tls_context, sasl_providers=(login,)
        )
        server = (HOST, int(PORT), aioxmpp.connector.STARTTLSConnector())
        self.client = aioxmpp.Client(
            aioxmpp.JID.fromstr(JID), security, override_peer=[server], max_initial_attempts=1
        )
        self.results = []

    async def run(self):
        self.client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher).register_callback(
            aioxmpp.MessageType.NORMAL, None, self.results.append
        )
        async with self.client.connected():
            print(json.dumps({'forwards': await self.forwards(), 'backwards': await self.backwards()}), flush=True)

    async def forwards(self):
        bodies, wanted = [], rsm.ResultSetMetadata.limit(PAGE)
        while True:
            fin, page = await self.ask(wanted)
            bodies += page
            if fin.complete:
                return bodies
            wanted = fin.page.next_page(max_=PAGE)

    async def backwards(self):
        bodies, wanted = [], rsm.ResultSetMetadata.last_page(max_=PAGE)
        while True:
            fin, page = await self.ask(wanted)
            bodies = page + bodies
            if fin.complete:
                return bodies
            wanted = fin.page.previous_page(max_=PAGE)

    async def ask(self, wanted):
        self.results.clear()
        query = Query()
        query.queryid, query.page = 'q1', wanted
        fin = await self.client.send(aioxmpp.IQ(type_=aioxmpp.IQType.SET, payload=query))
        found = [message.mam_result.forwarded for message in self.results if message.mam_result]
        return fin, [forwarded.stanza.body.any() for forwarded in found if forwarded.delay.stamp]


async def main():
    await asyncio.wait_for(Reader().run(), 60)


asyncio.run(main())
