"""What a program shows and tells its user, within its D-Bus session: it takes the notifications (Desktop Notifications
Specification), and, for each line on standard input, writes the texts on its windows (AT-SPI).

Usage: desktop_session.py FILE — JSON lines are appended to FILE: {"alert": text} and
{"texts": [{"role", "text", "showing"}]}, after {"ready": true}.
"""

import json
import sys
import time

import gi

gi.require_version('Atspi', '2.0')
from gi.repository import Atspi, Gio, GLib  # noqa: E402

NAME = 'org.freedesktop.Notifications'
INTERFACE = f"""<node><interface name='{NAME}'>
<method name='GetCapabilities'><arg type='as' direction='out'/></method>
<method name='GetServerInformation'><arg type='s' direction='out'/><arg type='s' direction='out'/>
<arg type='s' direction='out'/><arg type='s' direction='out'/></method>
<method name='Notify'><arg type='s' direction='in'/><arg type='u' direction='in'/><arg type='s' direction='in'/>
<arg type='s' direction='in'/><arg type='s' direction='in'/><arg type='as' direction='in'/>
<arg type='a{{sv}}' direction='in'/><arg type='i' direction='in'/><arg type='u' direction='out'/></method>
<method name='CloseNotification'><arg type='u' direction='in'/></method>
</interface></node>"""

out = open(sys.argv[1], 'a', encoding='utf-8', buffering=1)
shown = 0


def report(**fields):
    out.write(f'{json.dumps({"at": int(time.time() * 1000), **fields})}\n')


def call(_connection, _sender, _path, _interface, method, parameters, invocation):
    global shown
    answer = None
    if method == 'GetCapabilities':
        answer = GLib.Variant('(as)', (['body', 'actions'],))
    elif method == 'GetServerInformation':
        answer = GLib.Variant('(ssss)', ('desktop_session', 'enjamb', '1', '1.2'))
    elif method == 'Notify':
        shown += 1
        values = parameters.unpack()
        report(alert=f'{values[3]}: {values[4]}')
        answer = GLib.Variant('(u)', (values[1] or shown,))
    invocation.return_value(answer)


def got_bus(connection, _name):
    interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
    connection.register_object('/org/freedesktop/Notifications', interface, call, None, None)


def texts(node, found, depth=0):
    """In the order of the tree. Programs with GTK 4.8 say of no widget that it shows."""
    if node is None or depth > 60:
        return
    try:
        states = node.get_state_set()
        text = node.get_name() or ''
        if 'Text' in node.get_interfaces():
            text = Atspi.Text.get_text(node, 0, Atspi.Text.get_character_count(node)) or text
        if text:
            found.append({'role': node.get_role_name(), 'text': text, 'showing': states.contains(Atspi.StateType.SHOWING)})
        for index in range(node.get_child_count()):
            texts(node.get_child_at_index(index), found, depth + 1)
    except GLib.Error:
        return


def asked(channel, condition):
    if condition & GLib.IOCondition.HUP or not channel.readline():
        return False
    found = []
    texts(Atspi.get_desktop(0), found)
    report(texts=found)
    return True


Gio.bus_own_name(Gio.BusType.SESSION, NAME, Gio.BusNameOwnerFlags.NONE, got_bus, None, None)
GLib.io_add_watch(sys.stdin, GLib.IOCondition.IN | GLib.IOCondition.HUP, asked)
report(ready=True)
GLib.MainLoop().run()
