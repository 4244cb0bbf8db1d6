"""The style of the backtest's page: two palettes; on a phone one column, elsewhere charts beside tables."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --ground: #fbfaf8; --card: #ffffff; --ink: #1d1f24; --soft: #5b606b; --line: #dcd9d2;
  --accent: #2450a4; --good: #1d7a46; --fair: #8a5a00; --bad: #b3261e;
  --green: #2f9e62; --yellow: #d9a21b; --red: #cf3f36; --grey: #8c919c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15171b; --card: #1e2127; --ink: #eceef2; --soft: #a8aeba; --line: #353a44;
    --accent: #8db4ff; --good: #6fd39b; --fair: #f0c05a; --bad: #ff8a80;
    --green: #45b87b; --yellow: #e3b341; --red: #e8655c; --grey: #7d8390;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 28px 16px 40px; }
h1 { font-size: 1rem; font-weight: 600; color: var(--soft); margin: 0 0 12px; }
h2 { font-size: 1.2rem; margin: 0; }
p { margin: 6px 0; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 18px;
  margin: 0 0 16px; }
.verdict { border-left: 6px solid var(--tone); }
.verdict strong { display: block; font-size: 1.7rem; line-height: 1.2; color: var(--tone); }
.good { --tone: var(--good); } .fair { --tone: var(--fair); } .bad { --tone: var(--bad); }
.about { color: var(--soft); }
ul { margin: 0; padding-left: 1.2em; }
.pair { display: grid; gap: 18px; margin-top: 14px; align-items: start;
  grid-template-columns: minmax(0, 1fr); }
@media (min-width: 800px) { .pair { grid-template-columns: minmax(0, 11fr) minmax(0, 9fr); } }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 8px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody th { color: var(--ink); font-weight: 500; }
small { display: block; color: var(--soft); white-space: nowrap; }
footer { color: var(--soft); font-size: .875rem; padding: 4px 2px; }
svg { display: block; width: 100%; max-width: 560px; height: auto; font: 13px system-ui, sans-serif; }
svg text { fill: var(--ink); }
svg .tick { fill: var(--soft); font-size: 11.5px; }
svg .small { font-size: 11.5px; }
svg .value { font-weight: 600; }
.grid { stroke: var(--line); }
.rule { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 5 4; }
.whisker { stroke: var(--ink); stroke-width: 1.5; fill: none; }
.band { fill: var(--grey); } .band.green { fill: var(--green); } .band.yellow { fill: var(--yellow); }
.band.red { fill: var(--red); }
circle.score { fill: var(--accent); } circle.other { fill: var(--soft); }
.curve { fill: none; stroke: var(--accent); stroke-width: 2.5; stroke-linejoin: round; }
@media (max-width: 480px) {
  th, td { padding: 6px 5px; } table { font-size: .8125rem; } section { padding: 14px; }
}
@media print { section { break-inside: avoid; } }
"""
