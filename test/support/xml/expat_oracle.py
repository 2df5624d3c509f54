"""Parses documents with expat, with namespaces, and tells what it made of them.

Input: documents, each behind its length in four bytes, most significant first. Output: for each document, framed in
the same way, JSON: {"root": tree or null, "trees": [tree], "why": "" or the reason to refuse it}, a tree being
{"name": "{namespace}local", "attributes": {...}, "children": [tree or text]}.
"""

import json
import signal
import struct
import sys
from xml.parsers import expat

# A character of URIs that no local name has: expat refuses namespaces that hold a separator of another kind.
SEPARATOR = "#"


class Refused(Exception):
    """What XML allows and XMPP does not (RFC 6120 section 11.1)."""


class Judge:
    def __init__(self):
        self.root = None
        self.trees = []
        self.path = []

    def judge(self, document):
        parser = expat.ParserCreate(None, SEPARATOR)
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.text
        parser.CommentHandler = self.restricted
        parser.ProcessingInstructionHandler = self.restricted
        parser.StartDoctypeDeclHandler = self.restricted
        try:
            parser.Parse(document, True)
            why = ""
        except (expat.ExpatError, Refused) as error:
            why = str(error)
        except (LookupError, ValueError) as error:  # Python's word on encodings that expat does not know
            why = f"encoding: {error}"
        return {"root": self.root, "trees": self.trees, "why": why}

    def start(self, name, attributes):
        tree = {
            "name": resolved(name),
            "attributes": {resolved(key): value for key, value in attributes.items()},
            "children": [],
        }
        if not self.path:
            self.root = tree
        elif len(self.path) > 1:
            self.path[-1]["children"].append(tree)
        self.path.append(tree)

    def end(self, _name):
        tree = self.path.pop()
        if len(self.path) == 1:
            self.trees.append(tree)

    def text(self, text):
        if len(self.path) < 2:
            if text.strip(" \t\r\n"):
                raise Refused("bad-format")
            return
        children = self.path[-1]["children"]
        if children and isinstance(children[-1], str):
            children[-1] += text
        else:
            children.append(text)

    def restricted(self, *_):
        raise Refused("restricted-xml")


def resolved(name):
    namespace, _, local = name.rpartition(SEPARATOR)
    return "{" + namespace + "}" + local


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends when its input does
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(4):
        (length,) = struct.unpack(">I", head)
        answer = Judge().judge(source.read(length))
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        sink.write(struct.pack(">I", len(text)) + text)
        sink.flush()


main()
