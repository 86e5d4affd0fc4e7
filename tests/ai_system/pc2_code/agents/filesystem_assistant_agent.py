"""FileSystemAssistantAgent: files for the other agents, within one folder only."""
import os

from pc2_code.utils.service import Refusal, Service, action, run

MAX_BYTES = 1_000_000


class FileSystemAssistantAgent(Service):
    """Reads, writes, lists and deletes text files below the folder for files."""

    duty = "files"

    def start(self):
        self.root = os.path.realpath(os.path.join(self.shared_data, "files"))
        os.makedirs(self.root, exist_ok=True)

    def path(self, name):
        """The full path of a name, which must not lead out of the folder."""
        if not name or "\0" in name or os.path.isabs(name) or ".." in name.split("/"):
            raise Refusal(f"the path {name!r} is not allowed")
        path = os.path.realpath(os.path.join(self.root, name))
        if os.path.commonpath([path, self.root]) != self.root:
            raise Refusal(f"the path {name!r} leads out of the folder")
        return path

    @action("write")
    def write(self, request):
        """Write `text` to `path`. Without a path its name is made of `title`, by UnifiedUtilsAgent."""
        text = request.text("text")
        if len(text.encode("utf-8", "replace")) > MAX_BYTES:
            raise Refusal(f"files hold at most {MAX_BYTES} bytes")
        name = request.get("path")
        if name is None:
            name = self.ask("UnifiedUtilsAgent", "slugify", text=request.text("title"))["slug"] + ".txt"
        path = self.path(str(name))
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path + ".new", "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(path + ".new", path)
        except OSError as error:
            raise Refusal(f"cannot write '{name}': {error.strerror}") from None
        return {"path": os.path.relpath(path, self.root), "characters": len(text)}

    @action("read")
    def read(self, request):
        """The text of the file at `path`."""
        name = request.text("path")
        try:
            with open(self.path(name), encoding="utf-8", errors="replace") as file:
                return {"path": name, "text": file.read(MAX_BYTES)}
        except OSError as error:
            raise Refusal(f"cannot read '{name}': {error.strerror}") from None

    @action("list")
    def list_files(self, request):
        """All files, with their sizes."""
        found = {}
        for folder, _, names in os.walk(self.root):
            for name in sorted(names):
                path = os.path.join(folder, name)
                found[os.path.relpath(path, self.root)] = os.path.getsize(path)
        return {"files": found}

    @action("delete")
    def delete(self, request):
        """Delete the file at `path`."""
        name = request.text("path")
        try:
            os.remove(self.path(name))
        except OSError as error:
            raise Refusal(f"cannot delete '{name}': {error.strerror}") from None
        return {"path": name}


if __name__ == "__main__":
    run(FileSystemAssistantAgent)
