"""What nobody should send: texts, numbers, bytes, addresses and headers to fuzz with."""

from __future__ import annotations

from hypothesis import strategies as st

TEXTS = [
    *("\0", "\ud800", "\udfff\ud800", "a\0b", "\x01\x1f\x7f", "\u202e\u2066", "\ufeff", "𝕏" * 50, "é" * 3000),
    *("'; DROP TABLE api_keys; --", "' OR '1'='1", "\\'; SELECT pg_sleep(9); --", "$$;$1;%s;%(user_id)s;:user_id"),
    *("{{7*7}}${7*7}<%= 7*7 %>#{7*7}", "{0.__class__}%n%x", "<script>alert(1)</script>", "\\x00", "user_2other"),
    *("../../etc/passwd", "file:///etc/passwd", "javascript:alert(1)", "http://", "http://[::1", "http://a:99999999/"),
    *("https://a\tb", "//evil", "https://e.example/\u0660", "AIza", "…", "sk-1…2345"),
]
NUMBERS = [0, -1, 2**63, -(2**63) - 1, 10**400, 1e308, -0.0, 5e-324, 1.7976931348623157e308]
SPLINTERS = [
    *(b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xef\xbb\xbf", b"\\u0000", b"\\ud800", b"\\"),
    *b"NaN -Infinity 1e999 - 0x1 01 null // { } , [ ] : true".split(),
    *(b"1" * 5000, b"[" * 70, b"\0", b'"'),
]
SEGMENTS = [
    *[
        "..",
        ".",
        "%2e%2e",
        "%2F",
        "%5c",
        "%00",
        "%0d%0a",
        "%",
        "%zz",
        "%c0%af",
        "%ff",
        "%252e",
        "%d9%a3",
        "1",
        "2",
        "6",
        "7",
        "-1",
        "1e3",
        "1;DROP",
    ],
    *[
        "step",
        "api-keys",
        "style-detection",
        "analysis",
        "check-existing",
        "step4",
        "persona-latest",
        "export",
        "user_2other",
    ],
    *["complete", "skip", "validate", "openai", "onboarding"],
    *("", "9" * 400, "a" * 5000, "\xe9"),
]
METHODS = ["GET", "POST", "DELETE", "PUT", "OPTIONS", "HEAD", "PATCH", "BREW"]
QUERIES = ["", "?", "?hard=", "?hard=%00", "?path=x&path=..", "?%ff=%ff", "?user_id=user_2other"]
TYPES = ["", "text/plain", "application/json; charset=utf-16", "multipart/form-data", "application/jsonx", "\xff", ";"]
LENGTHS = ["", "0", "-1", "1", "x", "99999999999999999999", "1e3", " 5", "+5", "\xb2"]

texts = st.sampled_from(TEXTS) | st.text(st.characters(codec=None, categories=None), max_size=30)  # surrogates too
numbers = st.sampled_from(NUMBERS) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
latin_texts = texts.map(lambda text: text.encode("utf-8", "replace").decode("latin-1"))
headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(TYPES),
        "Content-Length": st.sampled_from(LENGTHS),
        "Content-Encoding": st.sampled_from(["gzip", "identity", "br"]),
        "Origin": latin_texts,
        "X-Request-Id": latin_texts,
    },
)
