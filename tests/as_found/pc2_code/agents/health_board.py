"""A page of what is healthy. It has an HTTP port and no ZeroMQ at all."""
import argparse
import http.server
import json

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, default=8146)
parser.add_argument("--health_check_port", type=int, default=8147)
args, _ = parser.parse_known_args()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"status": "healthy"}) if self.path == "/health" else "<h1>Hearth</h1>"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format, *args):
        pass


def main():
    with http.server.ThreadingHTTPServer(("", args.health_check_port), Page) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
