from pathlib import Path

from femo_result.words import RESEARCH_USE

CONSOLE = Path(__file__).resolve().parents[3] / "console" / "src"


def test_a_page_says_of_research_use_what_every_report_and_export_says() -> None:
    told = {
        path.relative_to(CONSOLE).as_posix()
        for path in CONSOLE.rglob("*.ts*")
        if "For research use" in path.read_text()
    }
    assert told == {"night/words.ts"}
    assert f'"{RESEARCH_USE}"' in (CONSOLE / "night" / "words.ts").read_text()
