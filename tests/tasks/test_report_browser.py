"""Opens a report in a real browser, which must draw the page without network access or console messages."""
import argparse
import pathlib
import subprocess
import tempfile

LIMIT = 240  # seconds for one start of the browser on a busy machine


def console_of(browser, page, picture):
    """Returns the browser's console output while it draws a page to a picture, with every request refused."""
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
         "--host-resolver-rules=MAP * ~NOTFOUND", "--proxy-server=127.0.0.1:9", "--enable-logging=stderr",
         f"--user-data-dir={picture.parent / 'profile'}", "--window-size=1200,1600", f"--screenshot={picture}",
         page.as_uri()],
        capture_output=True, text=True, timeout=LIMIT, check=True)
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--browser", required=True)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        settings = ["blank=5", "train_sequences=8", "valid_sequences=2", "test_sequences=2", "epochs=3", "log_every=2"]
        train = [flags.program, "train", "copy-memory", "--device", "cpu", "--threads", "1", "--run", folder / "run"]
        subprocess.run(train + [word for setting in settings for word in ("--set", setting)], check=True)
        page = folder / "report.html"
        subprocess.run([flags.program, "report", folder / "run", "--output", page], check=True)
        console = console_of(flags.browser, page, folder / "report.png")
        assert not console, f"the console says {console}, expected nothing"
        picture = (folder / "report.png").read_bytes()
        assert picture.startswith(b"\x89PNG") and len(picture) > 20000, f"{len(picture)} bytes, expected a drawn page"

        # A page with a request must fail the same check: the policy refuses the request and the console says
        # so.
        asking = folder / "asking.html"
        asking.write_text(page.read_text().replace("</body>", '<img src="https://example.org/x.png" alt="" /></body>'))
        console = console_of(flags.browser, asking, folder / "asking.png")
        assert any("Content Security Policy" in line for line in console), f"the console says {console}"


if __name__ == "__main__":
    main()
