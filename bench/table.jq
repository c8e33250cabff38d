# results.json as tables in Markdown.
def fixed($digits): . * pow(10; $digits) | round / pow(10; $digits) | tostring;
def ms: if . < 10 then fixed(1) else fixed(0) end;
def line: "| " + (map(gsub("\\|"; "\\|")) | join(" | ")) + " |";
def table($head; rows): [$head, ($head | map("---")), rows] | map(line) | .[];
def mib: . / 1024 | fixed(1);
.rows as $rows
| (table(["work", "against", "peer, ms", "wisp, ms", "ratio", "target", "peak memory, MiB"];
    $rows[] | select(.kind == "duel")
    | [.work, .against, (.peer_ms | ms), (.wisp_ms | ms), (.ratio | fixed(2)), (.target // "none" | tostring),
       (.wisp_rss_kib | mib)]),
  "",
  table(["bound", "value", "limit", "unit"];
    $rows[] | select(.kind == "bound") | [.what, (.value | tostring), (.limit | tostring), .unit]),
  (if any($rows[]; .kind == "scaling") then
    "",
    table(["growth of", "processors", "amounts", "ms", "exponent", "of the last step", "peak memory, MiB"];
      $rows[] | select(.kind == "scaling")
      | [.work, (.processors | tostring), (.points | map(.amount | tostring) | join(", ")) + " " + .unit,
         (.points | map(.ms | ms) | join(", ")), (.exponent | fixed(2)),
         (.last_exponent // nan | fixed(2)), (.points | map(.rss_kib) | max | mib)])
  else empty end),
  (if any($rows[]; .kind == "boot") then
    "",
    table(["boot", "initrd", "median, s", "least, s", "most, s"];
      $rows[] | select(.kind == "boot") | [.what, .initrd, (.median_s | fixed(2)), (.least_s | fixed(2)), (.most_s | fixed(2))])
  else empty end))
