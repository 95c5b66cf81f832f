"""How a story is told to people, for the demo and the replay."""
import time


class Say:
    """Tells people what happens. Progress lines are overwritten where a terminal can do that."""

    def __init__(self, stream):
        self.stream, self.began = stream, time.monotonic()
        self.is_terminal = stream.isatty()
        self.open_line, self.last = False, ""

    def line(self, text):
        if self.open_line:
            self.stream.write("\r\033[K")
            self.open_line = False
        self.stream.write(text + "\n")
        self.stream.flush()

    def step(self, text):
        self.line(f"\n{time.monotonic() - self.began:5.1f} s  {text}.")

    def fact(self, text):
        self.line(f"         {text}")

    def progress(self, text):
        if self.is_terminal:
            self.stream.write(f"\r\033[K         {text}")
            self.stream.flush()
            self.open_line = True
        elif text != self.last:
            self.line(f"         {text}")
        self.last = text
