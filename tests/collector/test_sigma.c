/* SPDX-License-Identifier: EUPL-1.2 */
/* What Sigma rules mean: each row is a detection, an event, and whether it matches. Rows whose name
 * begins with "trap:" are those on which engines are known to differ. */
#include "tests/collector/rule_kit.h"

#define SEL(item)  "selection: {" item "}\n  condition: selection"
#define LIST(item) "selection:\n" item "\n  condition: selection"

static const struct {
	const char *name, *detection, *event;
	bool match;
} rows[] = {
	/* plain values */
	{ "equal", SEL("a: x"), "{\"a\":\"x\"}", true },
	{ "not a part", SEL("a: x"), "{\"a\":\"xy\"}", false },
	{ "without case", SEL("a: HeLLo"), "{\"a\":\"hEllO\"}", true },
	{ "simple lower case", SEL("a: 'ÄÖÅ ŠŽ ЖЪ'"), "{\"a\":\"äöå šž жъ\"}", true },
	{ "event in capitals", SEL("a|contains: 'ö'"), "{\"a\":\"TYÖ\"}", true },
	{ "case that changes the length", SEL("a|endswith: 'ⱥx'"), "{\"a\":\"ȺX\"}", true },
	{ "another field", SEL("a: x"), "{\"b\":\"x\"}", false },
	{ "nested field", SEL("a.b: x"), "{\"a\":{\"b\":\"x\"}}", true },
	{ "dotted field", SEL("a.b: x"), "{\"a.b\":\"x\"}", true },
	{ "field names have case", SEL("A: x"), "{\"a\":\"x\"}", false },
	{ "any value of a list", SEL("a: [x, y]"), "{\"a\":\"y\"}", true },
	{ "all items of a map", SEL("a: x, b: y"), "{\"a\":\"x\",\"b\":\"z\"}", false },
	{ "any map of a list", LIST("    - a: x\n    - b: y"), "{\"b\":\"y\"}", true },
	{ "any element of the event's list", SEL("a: y"), "{\"a\":[\"x\",\"y\"]}", true },
	{ "lists in lists", SEL("a: y"), "{\"a\":[\"x\",[\"y\"]]}", true },
	{ "objects in lists", SEL("a.b: y"), "{\"a\":[{\"b\":\"x\"},{\"c\":1},{\"b\":\"y\"}]}",
	  true },
	{ "trap: number in the rule, text in the event", SEL("a: 4624"), "{\"a\":\"4624\"}", true },
	{ "trap: text in the rule, number in the event", SEL("a: '4624'"), "{\"a\":4624}", true },
	{ "number", SEL("a: 4624"), "{\"a\":46240}", false },
	{ "true", SEL("a: true"), "{\"a\":true}", true },
	{ "true as text", SEL("a: true"), "{\"a\":\"True\"}", true },
	{ "false is not true", SEL("a: true"), "{\"a\":false}", false },
	{ "escapes of JSON", SEL("a: \"x\\ty\\\"\""), "{\"a\":\"x\\ty\\u0022\"}", true },
	/* null, empty, exists */
	{ "trap: null is null", SEL("a: null"), "{\"a\":null}", true },
	{ "trap: null is absent", SEL("a: null"), "{\"b\":1}", true },
	{ "null is not empty", SEL("a: null"), "{\"a\":\"\"}", false },
	{ "null beside values", SEL("a: [null, x]"), "{\"a\":\"x\"}", true },
	{ "empty is empty", SEL("a: ''"), "{\"a\":\"\"}", true },
	{ "empty is not absent", SEL("a: ''"), "{\"b\":\"\"}", false },
	{ "empty is not null", SEL("a: ''"), "{\"a\":null}", false },
	{ "exists", SEL("a|exists: true"), "{\"a\":\"\"}", true },
	{ "trap: exists, null", SEL("a|exists: true"), "{\"a\":null}", true },
	{ "exists, an empty list", SEL("a|exists: true"), "{\"a\":[]}", true },
	{ "exists, an object", SEL("a|exists: true"), "{\"a\":{\"b\":1}}", true },
	{ "exists, another name", SEL("a|exists: true"), "{\"ab\":{\"b\":1}}", false },
	{ "exists not, null", SEL("a|exists: false"), "{\"a\":null}", false },
	{ "exists not", SEL("a|exists: false"), "{\"b\":1}", true },
	/* wildcards and escapes */
	{ "star", SEL("a: 'x*z'"), "{\"a\":\"xyyz\"}", true },
	{ "star is empty", SEL("a: 'x*z'"), "{\"a\":\"xz\"}", true },
	{ "stars", SEL("a: '*a*b*c*'"), "{\"a\":\"--a-ab-ac\"}", true },
	{ "stars in order", SEL("a: '*a*b*'"), "{\"a\":\"ba\"}", false },
	{ "only a star", SEL("a: '*'"), "{\"a\":\"\"}", true },
	{ "only a star wants a value", SEL("a: '*'"), "{\"a\":null}", false },
	{ "question mark", SEL("a: 'x?z'"), "{\"a\":\"xyz\"}", true },
	{ "question mark is one", SEL("a: 'x?z'"), "{\"a\":\"xz\"}", false },
	{ "question mark is one character, not byte", SEL("a: 'x?z'"), "{\"a\":\"x€z\"}", true },
	{ "escaped star", SEL("a: 'x\\*z'"), "{\"a\":\"x*z\"}", true },
	{ "escaped star is no star", SEL("a: 'x\\*z'"), "{\"a\":\"xyz\"}", false },
	{ "escaped question mark", SEL("a: 'x\\?'"), "{\"a\":\"xy\"}", false },
	{ "one backslash", SEL("a: 'C:\\Win'"), "{\"a\":\"C:\\\\Win\"}", true },
	{ "two are one", SEL("a: 'C:\\\\Win'"), "{\"a\":\"C:\\\\Win\"}", true },
	{ "four are two", SEL("a: '\\\\\\\\srv'"), "{\"a\":\"\\\\\\\\srv\"}", true },
	{ "three before a star are a backslash and a star", SEL("a: 'x\\\\\\*'"),
	  "{\"a\":\"x\\\\*\"}", true },
	{ "and no wildcard", SEL("a: 'x\\\\\\*'"), "{\"a\":\"x\\\\y\"}", false },
	{ "three are two", SEL("a: '\\\\\\srv'"), "{\"a\":\"\\\\\\\\srv\"}", true },
	{ "backslash, then star", SEL("a: 'x\\\\*'"), "{\"a\":\"x\\\\y\"}", true },
	{ "backslash at the end", SEL("a: 'x\\'"), "{\"a\":\"x\\\\\"}", true },
	{ "trap: backslash before what contains adds", SEL("a|contains: 'x\\'"),
	  "{\"a\":\"-x\\\\y\"}", true },
	{ "trap: and no escape of it", SEL("a|contains: 'x\\'"), "{\"a\":\"x*\"}", false },
	/* modifiers of strings */
	{ "contains", SEL("a|contains: b"), "{\"a\":\"aBc\"}", true },
	{ "startswith", SEL("a|startswith: b"), "{\"a\":\"abc\"}", false },
	{ "endswith", SEL("a|endswith: 'c'"), "{\"a\":\"abc\"}", true },
	{ "endswith with a wildcard", SEL("a|endswith: 'a*c'"), "{\"a\":\"xabc\"}", true },
	{ "contains a number", SEL("a|contains: 12"), "{\"a\":\"x123\"}", true },
	{ "all", SEL("a|contains|all: [x, y]"), "{\"a\":\"y x\"}", true },
	{ "all, one missing", SEL("a|contains|all: [x, y]"), "{\"a\":\"x\"}", false },
	{ "all, over the event's list", SEL("a|contains|all: [x, y]"), "{\"a\":[\"x\",\"y\"]}",
	  true },
	{ "cased", SEL("a|cased: X"), "{\"a\":\"x\"}", false },
	{ "contains cased", SEL("a|contains|cased: Y"), "{\"a\":\"xYz\"}", true },
	{ "neq", SEL("a|neq: x"), "{\"a\":\"y\"}", true },
	{ "neq, equal", SEL("a|neq: x"), "{\"a\":\"X\"}", false },
	{ "neq, absent", SEL("a|neq: x"), "{\"b\":1}", true },
	{ "neq of a number", SEL("a|neq: 5"), "{\"a\":\"5\"}", false },
	{ "neq contains", SEL("a|contains|neq: x"), "{\"a\":\"axb\"}", false },
	{ "neq null", SEL("a|neq: null"), "{\"a\":\"\"}", true },
	{ "neq re", SEL("a|re|neq: '^x'"), "{\"a\":\"xy\"}", false },
	{ "neq, any of the event's list", SEL("a|neq: x"), "{\"a\":[\"x\",\"y\"]}", false },
	{ "startswith cased", SEL("a|startswith|cased: X"), "{\"a\":\"xy\"}", false },
	{ "cased endswith", SEL("a|cased|endswith: Y"), "{\"a\":\"xY\"}", true },
	{ "cased with a wildcard", SEL("a|cased: 'X*z'"), "{\"a\":\"XyZ\"}", false },
	{ "cased windash", SEL("a|windash|cased: '-F'"), "{\"a\":\"/f\"}", false },
	{ "cased base64", SEL("a|base64|cased: foobar"), "{\"a\":\"zm9vymfy\"}", false },
	{ "neq, none of a list", SEL("a|neq: [x, y]"), "{\"a\":\"y\"}", false },
	{ "windash, dash", SEL("a|windash|contains: ' -f'"), "{\"a\":\"x -f\"}", true },
	{ "windash, slash", SEL("a|windash|contains: ' -f'"), "{\"a\":\"x /f\"}", true },
	{ "windash, en dash", SEL("a|windash|contains: ' -f'"), "{\"a\":\"x –f\"}", true },
	{ "windash, horizontal bar", SEL("a|contains|windash: ' /f'"), "{\"a\":\"x ―f\"}", true },
	{ "windash, a dash in the rule is all of them", SEL("a|windash: '—f'"), "{\"a\":\"-f\"}",
	  true },
	{ "windash, a slash for a dash", SEL("a|windash|contains: ' ―f'"), "{\"a\":\"x /f\"}",
	  true },
	{ "windash, two dashes are no option", SEL("a|windash: '–-f'"), "{\"a\":\"–/f\"}", true },
	{ "windash, the first of them is none", SEL("a|windash: '–-f'"), "{\"a\":\"/-f\"}", false },
	{ "windash, not inside a word", SEL("a|windash|contains: 'a-f'"), "{\"a\":\"a/f\"}",
	  false },
	{ "windash, behind a sign that is no letter", SEL("a|windash|contains: '🙂-c'"),
	  "{\"a\":\"🙂/c\"}", true },
	{ "windash, behind a letter beyond ASCII", SEL("a|windash|contains: 'ö-c'"),
	  "{\"a\":\"ö/c\"}", false },
	{ "windash, two of them", SEL("a|windash: '-a -b'"), "{\"a\":\"/a —b\"}", true },
	/* regular expressions */
	{ "re finds inside", SEL("a|re: 'b+'"), "{\"a\":\"abbc\"}", true },
	{ "trap: re has case", SEL("a|re: 'B'"), "{\"a\":\"abc\"}", false },
	{ "re|i has not", SEL("a|re|i: 'B'"), "{\"a\":\"abc\"}", true },
	{ "re|i beyond ASCII", SEL("a|re|i: 'Ö'"), "{\"a\":\"työ\"}", true },
	{ "re without s: dot stops at a line", SEL("a|re: 'a.b'"), "{\"a\":\"a\\nb\"}", false },
	{ "re|s", SEL("a|re|s: 'a.b'"), "{\"a\":\"a\\nb\"}", true },
	{ "re without m", SEL("a|re: '^b'"), "{\"a\":\"a\\nb\"}", false },
	{ "re|m", SEL("a|re|m: '^b'"), "{\"a\":\"a\\nb\"}", true },
	{ "re|i|m|s", SEL("a|re|i|m|s: '^B.c$'"), "{\"a\":\"a\\nb\\nC\"}", true },
	{ "re, all of a list", SEL("a|re|all: ['x', 'y']"), "{\"a\":\"xz\"}", false },
	{ "re keeps its backslashes", SEL("a|re: '\\d\\\\\\*'"), "{\"a\":\"1\\\\*\"}", true },
	{ "re, dot is a character", SEL("a|re: '^.$'"), "{\"a\":\"€\"}", true },
	{ "re that would go back and forth for years", SEL("a|re: '^(a+)+!$'"),
	  "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!a!aaa!\"}",
	  false },
	{ "re past its limit does not match", SEL("a|re: '^(a+)+$'"),
	  "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}", false },
	/* encodings */
	{ "base64", SEL("a|base64: foobar"), "{\"a\":\"Zm9vYmFy\"}", true },
	{ "base64offset 0", SEL("a|base64offset|contains: foobar"), "{\"a\":\"x Zm9vYmFy\"}",
	  true },
	{ "base64offset 1", SEL("a|base64offset|contains: foobar"), "{\"a\":\"IGZvb2Jhcg==\"}",
	  true },
	{ "base64offset 2", SEL("a|base64offset|contains: foobar"), "{\"a\":\"ICBmb29iYXI=\"}",
	  true },
	{ "base64offset, something else", SEL("a|base64offset|contains: foobar"),
	  "{\"a\":\"Zm9vYmF6\"}", false },
	{ "base64offset of one byte", SEL("a|base64offset|contains: 'a'"), "{\"a\":\"xYx\"}",
	  true },
	{ "base64offset of one byte, that is not there", SEL("a|base64offset|contains: 'a'"),
	  "{\"a\":\"zzz\"}", false },
	{ "wide base64offset", SEL("a|wide|base64offset|contains: ping"),
	  "{\"a\":\"cABpAG4AZwA=\"}", true },
	{ "utf16le", SEL("a|utf16le|base64: 'ä'"), "{\"a\":\"5AA=\"}", true },
	{ "utf16be", SEL("a|utf16be|base64: 'ä'"), "{\"a\":\"AOQ=\"}", true },
	{ "wide is utf16le", SEL("a|wide|base64: 'ä'"), "{\"a\":\"5AA=\"}", true },
	{ "wide by itself", SEL("a|wide: ab"), "{\"a\":\"a\\u0000b\\u0000\"}", true },
	{ "utf16be by itself", SEL("a|utf16be|contains: ab"), "{\"a\":\"x\\u0000a\\u0000b\"}",
	  true },
	{ "utf16 base64offset", SEL("a|utf16|base64offset|contains: ab"), "{\"a\":\"//5hAGIA\"}",
	  true },
	{ "utf16", SEL("a|utf16|base64: 'ä'"), "{\"a\":\"//7kAA==\"}", true },
	/* numbers, networks, other fields, times */
	{ "gt", SEL("a|gt: 5"), "{\"a\":6}", true },
	{ "gt, equal", SEL("a|gt: 5"), "{\"a\":5}", false },
	{ "gte as text", SEL("a|gte: 5"), "{\"a\":\"5\"}", true },
	{ "lt, by number and not by text", SEL("a|lt: 10"), "{\"a\":9}", true },
	{ "lte, negative", SEL("a|lte: -1.5"), "{\"a\":-2}", true },
	{ "lt of a text", SEL("a|lt: 10"), "{\"a\":\"x\"}", false },
	{ "lt of hexadecimal", SEL("a|gt: 1"), "{\"a\":\"0x10\"}", false },
	{ "re, a group again", SEL("a|re: '^(a|b)\\1$'"), "{\"a\":\"bb\"}", true },
	{ "re, a group again, another", SEL("a|re: '^(a|b)\\1$'"), "{\"a\":\"ab\"}", false },
	{ "re, the tenth group again", SEL("a|re: '^(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)\\10x$'"),
	  "{\"a\":\"123456789aax\"}", true },
	{ "re, a named group again", SEL("a|re: '(?<q>x|y)-\\k<q>'"), "{\"a\":\"y-y\"}", true },
	{ "cidr", SEL("a|cidr: 192.0.2.0/25"), "{\"a\":\"192.0.2.127\"}", true },
	{ "cidr, outside", SEL("a|cidr: 192.0.2.0/25"), "{\"a\":\"192.0.2.128\"}", false },
	{ "cidr of IPv6", SEL("a|cidr: '2001:db8::/33'"), "{\"a\":\"2001:DB8:0:1::5\"}", true },
	{ "cidr, any of a list", SEL("a|cidr: [10.0.0.0/8, '2001:db8::/32']"),
	  "{\"a\":\"2001:db8::1\"}", true },
	{ "cidr, any of the event's list", SEL("a|cidr: 10.0.0.0/8"),
	  "{\"a\":[\"192.0.2.1\",\"10.1.1.1\"]}", true },
	{ "cidr of one address", SEL("a|cidr: '2001:db8::1/128'"), "{\"a\":\"2001:db8::2\"}",
	  false },
	{ "cidr of an address alone", SEL("a|cidr: 10.0.0.1"), "{\"a\":\"10.0.0.1\"}", true },
	{ "cidr of an address alone, another", SEL("a|cidr: 10.0.0.1"), "{\"a\":\"10.0.0.2\"}",
	  false },
	{ "cidr of an IPv6 address alone", SEL("a|cidr: '2001:db8::1'"),
	  "{\"a\":\"2001:DB8:0::1\"}", true },
	{ "cidr neq", SEL("a|cidr|neq: 10.0.0.0/8"), "{\"a\":\"192.0.2.1\"}", true },
	{ "cidr, version 4 is not within 6", SEL("a|cidr: '::/0'"), "{\"a\":\"192.0.2.1\"}",
	  false },
	{ "cidr of everything", SEL("a|cidr: 0.0.0.0/0"), "{\"a\":\"8.8.8.8\"}", true },
	{ "cidr, a NUL behind the address", SEL("a|cidr: 10.0.0.0/8"),
	  "{\"a\":\"10.0.0.3\\u0000\"}", false },
	{ "cidr of a name", SEL("a|cidr: 0.0.0.0/0"), "{\"a\":\"example\"}", false },
	{ "fieldref", SEL("a|fieldref: b"), "{\"a\":\"X\",\"b\":\"x\"}", true },
	{ "fieldref, other", SEL("a|fieldref: b"), "{\"a\":\"x\",\"b\":\"y\"}", false },
	{ "fieldref, both absent", SEL("a|fieldref: b"), "{\"c\":1}", false },
	{ "fieldref startswith", SEL("a|fieldref|startswith: b"), "{\"a\":\"xyz\",\"b\":\"XY\"}",
	  true },
	{ "fieldref contains", SEL("a|contains|fieldref: b"), "{\"a\":\"xyz\",\"b\":\"y\"}", true },
	{ "fieldref cased", SEL("a|fieldref|cased: b"), "{\"a\":\"X\",\"b\":\"x\"}", false },
	{ "fieldref neq", SEL("a|fieldref|neq: b"), "{\"a\":\"x\",\"b\":\"y\"}", true },
	{ "fieldref neq, equal", SEL("a|fieldref|neq: b"), "{\"a\":\"x\",\"b\":\"X\"}", false },
	{ "fieldref of a number", SEL("a|fieldref: b"), "{\"a\":\"5\",\"b\":5}", true },
	{ "fieldref, any of two", SEL("a|fieldref: [b, c]"), "{\"a\":\"x\",\"c\":\"x\"}", true },
	{ "fieldref endswith", SEL("a|fieldref|endswith: b"), "{\"a\":\"xyz\",\"b\":\"yz\"}",
	  true },
	/* Of a time the part that is written: the specification says that they convert no zones. */
	{ "hour", SEL("a|hour: 1"), "{\"a\":\"2026-11-23T01:59:00+02:00\"}", true },
	{ "hour, not in UTC", SEL("a|hour: 23"), "{\"a\":\"2026-11-23T01:59:00+02:00\"}", false },
	{ "hour, without a zone", SEL("a|hour: 21"), "{\"a\":\"2025-12-06 21:11:02.649\"}", true },
	{ "hour, without fraction and zone", SEL("a|hour: 21"), "{\"a\":\"2025-12-06T21:11:02\"}",
	  true },
	{ "hour of a broken time", SEL("a|hour: 21"), "{\"a\":\"2025-12-06 21:11:02.\"}", false },
	{ "hour, something behind it", SEL("a|hour: 21"), "{\"a\":\"2025-12-06 21:11:02 x\"}",
	  false },
	{ "hour of a date", SEL("a|hour: 0"), "{\"a\":\"2026-11-27\"}", false },
	{ "minute of a date, compared", SEL("a|minute|lt: 60"), "{\"a\":\"2026-11-27\"}", false },
	{ "day of a date", SEL("a|day: 27"), "{\"a\":\"2026-11-27\"}", true },
	{ "week of a date", SEL("a|week: 48"), "{\"a\":\"2026-11-27\"}", true },
	{ "day of no date", SEL("a|day: 31"), "{\"a\":\"2026-11-31\"}", false },
	{ "year in which Windows' file times begin", SEL("a|year: 1601"),
	  "{\"a\":\"1601-01-01 00:00:00.000\"}", true },
	{ "minute", SEL("a|minute: 59"), "{\"a\":\"2026-11-23T01:59:00+02:00\"}", true },
	{ "day", SEL("a|day: 23"), "{\"a\":\"2026-11-23T01:59:00+02:00\"}", true },
	{ "month", SEL("a|month: 11"), "{\"a\":\"2026-11-23T01:59:00Z\"}", true },
	{ "year", SEL("a|year|gte: 2026"), "{\"a\":\"2026-11-23T01:59:00Z\"}", true },
	{ "minute, and a comparison", SEL("a|minute|lt: 59"), "{\"a\":\"2026-11-23T01:58:59Z\"}",
	  true },
	{ "hour of what is no time", SEL("a|hour: 1"), "{\"a\":\"01:00\"}", false },
	{ "any of two hours", SEL("a|hour: [1, 2]"), "{\"a\":\"2026-11-23T02:00:00Z\"}", true },
	{ "gte of a fraction", SEL("a|gte: 1.5"), "{\"a\":1.5}", true },
	{ "gt of a list: any", SEL("a|gt: [10, 5]"), "{\"a\":6}", true },
	{ "week 53", SEL("a|week: 53"), "{\"a\":\"2027-01-03T12:00:00Z\"}", true },
	{ "week 1 of the next year", SEL("a|week: 1"), "{\"a\":\"2024-12-30T12:00:00Z\"}", true },
	/* keywords */
	{ "trap: keyword at any depth", LIST("    - secret"), "{\"a\":{\"b\":[1,\"my SECRET x\"]}}",
	  true },
	{ "keyword is no field name", LIST("    - secret"), "{\"secret\":1}", false },
	{ "keyword in a number", LIST("    - 46"), "{\"a\":1467}", true },
	{ "any keyword", LIST("    - one\n    - two"), "{\"a\":\"two\"}", true },
	{ "all keywords", LIST("    '|all':\n      - one\n      - two"),
	  "{\"a\":\"one\",\"b\":\"two\"}", true },
	{ "all keywords, one missing", LIST("    '|all':\n      - one\n      - two"),
	  "{\"a\":\"one\"}", false },
	{ "keyword by re", LIST("    '|re': 'o.e$'"), "{\"a\":\"one\"}", true },
	{ "keyword with a wildcard", LIST("    - 'o*o'"), "{\"a\":\"xx one two\"}", true },
	{ "keyword beside a map", LIST("    - one\n    - a: x"), "{\"a\":\"x\"}", true },
	/* conditions */
	{ "and not", "s: {a: x}\n  f: {b: y}\n  condition: s and not f",
	  "{\"a\":\"x\",\"b\":\"z\"}", true },
	{ "and binds before or", "s: {a: x}\n  t: {b: y}\n  u: {c: z}\n  condition: s or t and u",
	  "{\"a\":\"x\"}", true },
	{ "parentheses", "s: {a: x}\n  t: {b: y}\n  u: {c: z}\n  condition: (s or t) and u",
	  "{\"a\":\"x\"}", false },
	{ "not binds first", "s: {a: x}\n  t: {b: y}\n  condition: not s or t", "{\"b\":\"y\"}",
	  true },
	{ "1 of pattern", "s_1: {a: x}\n  s_2: {b: y}\n  condition: 1 of s_*", "{\"b\":\"y\"}",
	  true },
	{ "all of pattern", "s_1: {a: x}\n  s_2: {b: y}\n  condition: all of s_*", "{\"b\":\"y\"}",
	  false },
	{ "2 of pattern", "s_1: {a: x}\n  s_2: {b: y}\n  s_3: {c: z}\n  condition: 2 of s_*",
	  "{\"b\":\"y\",\"c\":\"z\"}", true },
	{ "2 of pattern, one", "s_1: {a: x}\n  s_2: {b: y}\n  s_3: {c: z}\n  condition: 2 of s_*",
	  "{\"c\":\"z\"}", false },
	{ "pattern takes the whole name", "s_1: {a: x}\n  xs_1: {b: y}\n  condition: 1 of s_*",
	  "{\"b\":\"y\"}", false },
	{ "them leaves out what begins with _", "s: {a: x}\n  _t: {b: y}\n  condition: all of them",
	  "{\"a\":\"x\"}", true },
	{ "nor does a star take it", "s: {a: x}\n  _t: {b: y}\n  condition: all of *",
	  "{\"a\":\"x\"}", true },
	{ "who names it so means it", "s: {a: x}\n  _t: {b: y}\n  condition: 1 of _*",
	  "{\"b\":\"y\"}", true },
	{ "words of conditions in capitals",
	  "s_1: {a: x}\n  t: {b: y}\n  condition: ALL OF s_* AND NOT (t OR t)", "{\"a\":\"x\"}",
	  true },
	{ "any of", "s_1: {a: x}\n  s_2: {b: y}\n  condition: any of s_*", "{\"b\":\"y\"}", true },
	{ "1 of them and not", "s: {a: x}\n  t: {b: y}\n  condition: 1 of them and not t",
	  "{\"a\":\"x\"}", true },
	{ "parentheses in parentheses", "s: {a: x}\n  t: {b: y}\n  condition: ((s and (not (t))))",
	  "{\"a\":\"x\"}", true },
	{ "not not", "s: {a: x}\n  condition: not not s", "{\"a\":\"x\"}", true },
	{ "a star in the middle", "s_a_1: {a: x}\n  s_b_2: {b: y}\n  condition: 1 of s_*_2",
	  "{\"a\":\"x\"}", false },
	{ "not 1 of", "s: {a: x}\n  f_1: {b: y}\n  condition: s and not 1 of f_*", "{\"a\":\"x\"}",
	  true },
	{ "several conditions", "s: {a: x}\n  t: {b: y}\n  condition:\n    - s\n    - t",
	  "{\"b\":\"y\"}", true },
	{ "a condition on two lines", "s: {a: x}\n  t: {b: y}\n  condition: >-\n    s\n    and t",
	  "{\"a\":\"x\",\"b\":\"y\"}", true },
};

static void test_rows(void **state)
{
	char text[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs;
		unsigned n;

		snprintf(text, sizeof(text),
			 "title: t\nlogsource: {product: linux}\ndetection:\n  %s\n",
			 rows[i].detection);
		rs = rules_from(slice_str(text), &rep, &heard);
		if (rep.loaded != 1)
			fail_msg("%s: %s\n%s", rows[i].name, heard.fault.msg, text);
		n = matches(rs, slice_str(rows[i].event));
		if (n != (rows[i].match ? 1 : 0))
			fail_msg("%s: %s\n%s%s", rows[i].name, n > 0 ? "matches" : "does not match",
				 text, rows[i].event);
		ruleset_unref(rs);
	}
}

#define SYSMON(id, data)                                                                           \
	"{\"winlog\":{\"channel\":\"Microsoft-Windows-Sysmon/Operational\",\"event_id\":" #id      \
	",\"event_data\":{" data "}}}"

static const struct {
	const char *name, *logsource, *selection, *event;
	bool match;
} sources[] = {
	{ "channel decides", "product: windows, service: security", "EventID: 1102",
	  "{\"winlog\":{\"channel\":\"security\",\"event_id\":1102}}", true },
	{ "trap: not the provider", "product: windows, service: security", "EventID: 1102",
	  "{\"winlog\":{\"channel\":\"System\",\"provider_name\":\"Security\",\"event_id\":1102}}",
	  false },
	{ "trap: event id as text", "product: windows, service: security", "EventID: 1102",
	  "{\"winlog\":{\"channel\":\"Security\",\"event_id\":\"1102\"}}", true },
	{ "Sysmon's process creation", "product: windows, category: process_creation",
	  "Image|endswith: '\\cmd.exe'", SYSMON(1, "\"Image\":\"C:\\\\x\\\\CMD.exe\""), true },
	{ "another event of Sysmon", "product: windows, category: process_creation",
	  "Image|endswith: '\\cmd.exe'", SYSMON(5, "\"Image\":\"C:\\\\x\\\\CMD.exe\""), false },
	{ "trap: 4688 with its own names", "product: windows, category: process_creation",
	  "Image|endswith: '\\cmd.exe'\n    ParentImage: 'C:\\p.exe'",
	  "{\"winlog\":{\"channel\":\"Security\",\"event_id\":4688,\"event_data\":{"
	  "\"NewProcessName\":"
	  "\"C:\\\\cmd.exe\",\"ParentProcessName\":\"c:\\\\P.EXE\"}}}",
	  true },
	{ "who started it, and from what", "product: windows, category: process_creation",
	  "User: maija\n    ParentProcessId: '0x1f4'",
	  "{\"winlog\":{\"channel\":\"Security\",\"event_id\":4688,\"event_data\":{"
	  "\"SubjectUserName\":\"maija\",\"NewProcessId\":\"0x2a8\",\"ProcessId\":\"0x1f4\"}}}",
	  true },
	{ "trap: Sysmon's own ParentProcessId", "product: windows, category: process_creation",
	  "ParentProcessId: 7", SYSMON(1, "\"ProcessId\":7,\"ParentProcessId\":8"), false },
	{ "only there", "product: windows, service: security", "Image|endswith: '\\cmd.exe'",
	  "{\"winlog\":{\"channel\":\"Security\",\"event_id\":4688,\"event_data\":{"
	  "\"NewProcessName\":"
	  "\"C:\\\\cmd.exe\"}}}",
	  false },
	{ "trap: registry_add is event 12 of a kind", "product: windows, category: registry_add",
	  "TargetObject|contains: Run",
	  SYSMON(12, "\"EventType\":\"CreateKey\",\"TargetObject\":\"Run\""), true },
	{ "trap: registry_delete too", "product: windows, category: registry_delete",
	  "TargetObject|contains: Run",
	  SYSMON(12, "\"EventType\":\"CreateKey\",\"TargetObject\":\"Run\""), false },
	{ "trap: a Linux rule on Windows", "product: linux", "user.name: root",
	  "{\"user\":{\"name\":\"root\"},\"winlog\":{\"channel\":\"OpenSSH/Operational\"}}",
	  false },
	{ "a Linux rule", "product: linux", "user.name: root", "{\"user\":{\"name\":\"root\"}}",
	  true },
	{ "a Windows rule on Linux", "product: windows", "user.name: root",
	  "{\"user\":{\"name\":\"root\"}}", false },
	{ "sshd", "product: linux, service: sshd", "user.name: root",
	  "{\"user\":{\"name\":\"root\"},\"process\":{\"name\":\"sshd-session\"}}", true },
	{ "not sshd", "product: linux, service: sshd", "user.name: root",
	  "{\"user\":{\"name\":\"root\"},\"process\":{\"name\":\"su\"}}", false },
	{ "trap: unnamed Data is a list", "product: windows, service: application",
	  "Data|contains: bad",
	  "{\"winlog\":{\"channel\":\"Application\",\"event_data\":{\"Data\":[\"good\",\"a bad "
	  "one\"]}}}",
	  true },
	{ "trap: the event's own Channel is not its channel", "product: windows, service: system",
	  "Channel: Application",
	  "{\"winlog\":{\"channel\":\"System\",\"event_data\":{\"Channel\":\"Application\"}}}",
	  false },
	{ "trap: raw name for an ECS field", "category: firewall", "dst_port: 445",
	  "{\"event\":{\"dataset\":\"iptables.log\"},\"destination\":{\"port\":445}}", true },
	{ "an ECS name on a Windows event", "product: windows", "winlog.event_data.Image: x",
	  SYSMON(1, "\"Image\":\"X\""), true },
	{ "trap: spaces in the names of event data", "product: windows, service: windefend",
	  "ThreatName: x\n    NewValue: y",
	  "{\"winlog\":{\"channel\":\"Microsoft-Windows-Windows Defender/Operational\","
	  "\"event_data\":{\"Threat Name\":\"X\",\"New Value\":\"Y\"}}}",
	  true },
	{ "trap: spaces in any channel's names", "product: windows, service: application",
	  "ThreatName: x",
	  "{\"winlog\":{\"channel\":\"Application\",\"event_data\":{\"Threat Name\":\"x\"}}}",
	  true },
	{ "spaces in names of user data, below objects", "product: windows",
	  "winlog.user_data.A.BC: x",
	  "{\"winlog\":{\"channel\":\"System\",\"user_data\":{\"A\":{\"B C\":\"x\"}}}}", true },
	{ "a rule that has the spaces", "product: windows",
	  "Threat Name: x\n    winlog.event_data.New Value: y",
	  "{\"winlog\":{\"channel\":\"System\",\"event_data\":{\"Threat "
	  "Name\":\"x\",\"NewValue\":\"y\"}}}",
	  true },
	{ "any of several ways to write a name", "product: windows", "ThreatName: y",
	  "{\"winlog\":{\"channel\":\"System\",\"event_data\":{\"Threat Name\":\"x\","
	  "\"ThreatName\":\"y\"}}}",
	  true },
	{ "the number before the name", "product: windows", "Level: 4",
	  "{\"winlog\":{\"channel\":\"System\",\"level\":\"information\",\"event_data\":{\"Level\":"
	  "9}},"
	  "\"vartio\":{\"winlog\":{\"level\":4}}}",
	  true },
	{ "the name where there is no number", "product: windows", "Level: information",
	  "{\"winlog\":{\"channel\":\"System\",\"level\":\"information\"}}", true },
	{ "spaces elsewhere stay", "product: windows", "a.ThreatName: x",
	  "{\"a\":{\"Threat Name\":\"x\"},\"winlog\":{\"channel\":\"System\"}}", false },
	{ "trap: registry_delete is event 12 too", "product: windows, category: registry_delete",
	  "TargetObject|contains: Run",
	  SYSMON(12, "\"EventType\":\"DeleteValue\",\"TargetObject\":\"Run\""), true },
	{ "trap: registry_set is another event", "product: windows, category: registry_set",
	  "TargetObject|contains: Run",
	  SYSMON(12, "\"EventType\":\"CreateKey\",\"TargetObject\":\"Run\""), false },
	{ "trap: an ECS name for a raw field", "product: windows, category: process_creation",
	  "process.executable|endswith: cmd.exe",
	  "{\"process\":{\"executable\":\"c:\\\\cmd.exe\"},\"winlog\":{\"channel\":\"Microsoft-"
	  "Windows-Sysmon/Operational\",\"event_id\":1}}",
	  true },
	{ "trap: a raw name where the event has ECS alone",
	  "product: windows, category: process_creation", "Image|endswith: cmd.exe",
	  "{\"process\":{\"executable\":\"c:\\\\cmd.exe\"},\"winlog\":{\"channel\":\"Microsoft-"
	  "Windows-Sysmon/Operational\",\"event_id\":1}}",
	  true },
	{ "trap: 4688 from Winlogbeat's module", "product: windows, category: process_creation",
	  "Image|endswith: cmd.exe",
	  "{\"process\":{\"executable\":\"c:\\\\cmd.exe\"},\"winlog\":{\"channel\":\"Security\","
	  "\"event_id\":\"4688\"}}",
	  true },
	{ "trap: a macOS rule on Linux", "product: macos", "user.name: root",
	  "{\"user\":{\"name\":\"root\"},\"host\":{\"os\":{\"type\":\"linux\"}}}", false },
	{ "user data", "product: windows", "Reason: x",
	  "{\"winlog\":{\"channel\":\"System\",\"user_data\":{\"Reason\":\"x\"}}}", true },
};

static void test_sources(void **state)
{
	char text[4096];

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct rules_report rep;
		struct heard heard;
		struct ruleset *rs;
		unsigned n;

		snprintf(text, sizeof(text),
			 "title: t\nlogsource: {%s}\ndetection:\n  s:\n    %s\n  condition: s\n",
			 sources[i].logsource, sources[i].selection);
		rs = rules_from(slice_str(text), &rep, &heard);
		if (rep.loaded != 1 || heard.warnings > 0)
			fail_msg("%s: %s%s", sources[i].name, heard.fault.msg, heard.warning.msg);
		n = matches(rs, slice_str(sources[i].event));
		if (n != (sources[i].match ? 1 : 0))
			fail_msg("%s: %s", sources[i].name, n > 0 ? "matches" : "does not match");
		ruleset_unref(rs);
	}
}

/* Answers of one event must not leak into the next, whichever way round. */
/* What correlations group by is found as detections find it. */
static void test_field(void **state)
{
	const struct slice event = SLICE("{\"winlog\":{\"channel\":\"Application\",\"event_data\":{"
					 "\"Threat Name\":\"x\"}}}");
	struct field_look look[FIELD_LOOK_MAX];
	const struct json_field *leaf = NULL;
	struct json_index ix = { 0 };
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs;
	struct err err;
	size_t n;

	rs = rules_from(SLICE("title: t\nname: t\nlogsource: {product: windows}\ndetection:\n"
			      "  s: {a: b}\n  condition: s\n---\ntitle: c\ncorrelation: {type: "
			      "event_count, rules: [t], group-by: [ThreatName], timespan: 5m, "
			      "condition: {gte: 2}}\n"),
			&rep, &heard);
	assert_int_equal(rep.loaded, 2);
	assert_int_equal(json_index_read(&ix, event, &err), 0);
	assert_non_null(ruleset_field(rs, &ix, "ThreatName"));
	n = ruleset_field_looks(rs, "ThreatName", look);
	for (size_t i = 0; i < n && leaf == NULL; i++)
		leaf = json_index_find(&ix, look[i].path, look[i].hash);
	assert_non_null(leaf);
	json_index_release(&ix);
	ruleset_unref(rs);
}

static void test_one_event_after_another(void **state)
{
	static const char text[] = "title: t\nlogsource: {product: linux}\n"
				   "detection:\n  s: {a|contains: [x, Y]}\n  f: {b: null}\n"
				   "  condition: s and f\n";
	static const struct {
		const char *event;
		unsigned n;
	} events[] = { { "{\"a\":\"x\"}", 1 },
		       { "{\"a\":\"z\"}", 0 },
		       { "{\"a\":\"Ay\"}", 1 },
		       { "{\"a\":\"x\",\"b\":1}", 0 },
		       { "{}", 0 },
		       { "{\"a\":[\"q\",\"X\"]}", 1 } };
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs = rules_from(SLICE(text), &rep, &heard);
	struct detector *dt = detector_new(rs);
	struct json_index ix = { 0 };
	struct err err;

	assert_int_equal(rep.loaded, 1);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
			unsigned n = 0;

			assert_int_equal(json_index_read(&ix, slice_str(events[i].event), &err), 0);
			assert_int_equal(detector_run(dt, &ix, count_match, &n, &err), 0);
			assert_int_equal(n, events[i].n);
		}
	}
	json_index_release(&ix);
	detector_free(dt);
	ruleset_unref(rs);
}

/* An expression that runs out of steps does not match, and that is told once. */
static void test_gave_up(void **state)
{
	struct rules_report rep;
	struct heard heard;
	struct ruleset *rs =
		rules_from(SLICE("title: t\nlogsource: {product: linux}\n"
				 "detection: {s: {a|re: '(?=a)^(a+)+$'}, condition: s}\n"),
			   &rep, &heard);
	struct detector *dt = detector_new(rs);
	struct json_index ix = { 0 };
	struct slice field, regex;
	struct buf text = { 0 };
	unsigned n = 0;
	struct err err;

	buf_str(&text, "{\"a\":\"");
	for (int i = 0; i < 60; i++)
		buf_chr(&text, 'a');
	buf_str(&text, "!\"}");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(json_index_read(&ix, buf_view(&text), &err), 0);
		assert_int_equal(detector_run(dt, &ix, count_match, &n, &err), 0);
		assert_int_equal(detector_gave_up(dt), i + 1);
		assert_int_equal(detector_gave_up_on(dt, &field, &regex), i == 0);
		assert_true(slice_is(field, "a") && slice_is(regex, "(?=a)^(a+)+$"));
	}
	assert_int_equal(n, 0);
	buf_release(&text);
	json_index_release(&ix);
	detector_free(dt);
	ruleset_unref(rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_gave_up),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_field),
		cmocka_unit_test(test_one_event_after_another),
	};

	return RUN_TESTS(tests);
}
