"""UnifiedWebAgent: reads web pages that it is given; it never goes to the network itself."""
from html.parser import HTMLParser

from pc2_code.utils.service import Refusal, Service, action, run

SILENT = {"script", "style", "template", "noscript"}
MAX_CHARACTERS = 2_000_000


class PageReader(HTMLParser):
    """Title, headings, links and text of a page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.title, self.headings, self.links, self.words = "", [], [], []
        self.inside = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            address = dict(attrs).get("href")
            if address:
                self.links.append(address)
        if tag in SILENT or tag in ("title", "h1", "h2", "h3"):
            self.inside.append(tag)

    def handle_endtag(self, tag):
        if tag in self.inside:
            while self.inside.pop() != tag:
                pass

    def handle_data(self, data):
        text = " ".join(data.split())
        here = self.inside[-1] if self.inside else None
        if not text or here in SILENT:
            return
        if here == "title":
            self.title += text
            return
        if here:
            self.headings.append(text)
        self.words.append(text)


class UnifiedWebAgent(Service):
    """Extracts what people read, saves pages as text, and remembers what they are about."""

    duty = "web"

    @staticmethod
    def page(request):
        """The page in `html`, read."""
        html = request.text("html")
        if len(html) > MAX_CHARACTERS:
            raise Refusal("the page is too long")
        reader = PageReader()
        reader.feed(html)
        reader.close()
        return reader

    @action("extract")
    def extract(self, request):
        """Title, headings, links and text of the page in `html`."""
        page = self.page(request)
        return {"title": page.title, "headings": page.headings, "links": page.links, "text": " ".join(page.words)}

    @action("save")
    def save(self, request):
        """Have the text of `html` written by FileSystemAssistantAgent and its headings remembered."""
        page = self.page(request)
        title = page.title or "untitled page"
        written = self.ask("FileSystemAssistantAgent", "write", 8.0, title=title, text="\n".join(page.words))
        for heading in page.headings[:10]:
            self.ask("UnifiedMemoryReasoningAgent", "remember", subject=title, relation="is about", object=heading, source=self.name)
        return {"path": written["path"], "headings": len(page.headings)}


if __name__ == "__main__":
    run(UnifiedWebAgent)
