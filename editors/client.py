"""A client of the language server, for the scripts that ask it what an editor asks."""

import json
import subprocess


class Client:
    def __init__(self, program, capabilities):
        self.process = subprocess.Popen([program, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.number = 0
        first = {"processId": None, "rootUri": None, "capabilities": capabilities}
        self.server = self.answer("initialize", first)["capabilities"]
        self.tell("initialized", {})

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def ask(self, method, params):
        """The number of a request; its answer comes later."""
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        return self.number

    def receive(self):
        """The next answer or notification; what the server asks is answered with nothing."""
        while True:
            length = 0
            while line := self.process.stdout.readline().strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            message = json.loads(self.process.stdout.read(length))
            if "method" in message and "id" in message:
                self.send({"id": message["id"], "result": None})
            else:
                return message

    def answer(self, method, params):
        number = self.ask(method, params)
        while True:
            message = self.receive()
            if message.get("id") == number:
                return message["result"]
