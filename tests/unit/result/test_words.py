from pathlib import Path

from femo_result.words import RESEARCH_USE, percent

CONSOLE = Path(__file__).resolve().parents[3] / "console" / "src"


def test_a_page_says_of_research_use_what_every_report_and_export_says() -> None:
    told = {
        path.relative_to(CONSOLE).as_posix()
        for path in CONSOLE.rglob("*.ts*")
        if "For research use" in path.read_text()
    }
    assert told == {"night/words.ts"}
    assert f'"{RESEARCH_USE}"' in (CONSOLE / "night" / "words.ts").read_text()


def test_a_part_of_something_is_never_told_as_nothing_or_as_all_of_it() -> None:
    shares = (0.0, 0.004, 0.01, 0.745, 0.99, 0.998, 1.0)
    assert [percent(share) for share in shares] == [
        *("0%", "<1%", "1%", "74%", "99%", ">99%", "100%"),
    ]
