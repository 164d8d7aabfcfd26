# SPDX-License-Identifier: Apache-2.0
"""Write plain.tsv: generate.py ORACLE, where ORACLE is the program built from oracle.go."""
import itertools
import random
import re
import subprocess
import sys

import yaml

# YAML 1.2.2, section 10.3.2; JSON's numbers and literals are among them.
CORE = re.compile(
    r"(?:null|Null|NULL|~||true|True|TRUE|false|False|FALSE|[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
# What cannot stand as a plain scalar behind "k: ".
NOT_PLAIN = re.compile(r"[-?:](?:\s|$)|.*: |.*:$|\s|.*\s$|[&*!|>%@`'\"{}\[\],#]|---")
RESOLVER = yaml.SafeLoader("")

WORDS = "y n yes no on off true false null ~ inf .inf -.inf +.inf nan .nan infinity = <<".split()
STRINGS = """
a A flux-ssh eu-west9 us-east1 recovery NOPE yess onn offf nul nulll truth yn ny == <<< < =a a= ~a
10.0.0.1 1.2.3 1.2.3.4 v1 v1.2 1a 1-2 1-2-3 2fa 0xg 0x1g 0xfg 0b2 0o8 0o18 -a +a -+1 +-1 --1 ++1
1e 1e+ 1ee5 e5 .e5 e 1e5x 1e5.5 1..2 .. ... .a .infx .nanx x.inf infx _1 _0x1f __ _ -_ +_ 1x 1_x
12:30:4a 12:a :1 1::2 ::1 :: a:1 1:2:b 2001-1-1x 2001-01-01-x 2001-1 2001-001-1 2001-1-001 201-1-1
20011-1-1 2001-01-01Tx 2001-01-01T 2001-a-1 2001_01_01 4c1d9a0e5b7f22338d01c6b2a4e7f905g
12e03z 0777z 1,5 1,000 1'000 1/2 50% 1+1 1=1 =1 $1 ${1} (1) ssh://git@github.com/a/b SHA256:+DiY3w
age1qyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpqyqszqgpq ghcr.io app.kubernetes.io/name
""".split()
NUMBERS = """
0 1 -1 +1 007 0777 089 1_000 1__0 1_ 0_ -1_ 0x1f 0X1F 0x1F -0x1f +0xA 0x_ 0x1_f 0o7 0O7 0o1_7 -0o7 0b1
0B1 0b1_0 -0b1 +0b1 0b+1 0o-1 .5 -.5 +.5 5. -5. 1.5 1.5e3 1.5e+3 1.5e-3 1e5 1E5 1e+5 1e-5 -1e5 1_0e5
1.e5 .5e5 1_0.5_0e1_0 12:30 12:30:45 1:0 -1:30 190:20:30 190:20:30.15 1:2.5 0:59 +12:30
4193850 91826407013860105 1234567890123456789012345678901234567890 12345678e9 12e03 1e400 0e0
2001-01-01 2001-1-1 2001-12-14T21:59:43.10-05:00 2001-12-14t21:59:43 2001-12-15 2:59:43.10
""".split() + ["2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43", "2001-12-14  1:2:3Z"]


def candidates():
    words = set()
    for word in WORDS:
        words |= {word, word.upper(), word.capitalize(), "." + word, "+" + word, "-" + word, word + "x"}
    for alphabet, length in (("0189_+-.:eExobBaf", 3), ("01_+-.:e", 4), ("01_.:e", 5)):
        words.update("".join(t) for t in itertools.product(alphabet, repeat=length))
    return words


def row(word, strings):
    tag = RESOLVER.resolve(yaml.ScalarNode, word, (True, False))
    flags = "" if tag == "tag:yaml.org,2002:str" else "p"
    flags += "".join(c for c in "23k" if c not in strings)
    flags += "c" if CORE.fullmatch(word) else ""
    return flags or "-"


def main():
    words = sorted(w for w in candidates() | set(STRINGS) | set(NUMBERS) if not NOT_PLAIN.match(w))
    answers = subprocess.run(
        [sys.argv[1]], input="\n".join(words) + "\n", capture_output=True, text=True, check=True
    ).stdout.split()
    rows = {w: row(w, a) for w, a in zip(words, answers, strict=True)}
    chosen = random.Random(3)
    keep = {w for w in rows if w in STRINGS or w in NUMBERS or w.strip("+-.").lower() in WORDS}
    keep.update(chosen.sample([w for w in rows if rows[w] != "-"], 1200))
    keep.update(chosen.sample([w for w in rows if rows[w] == "-"], 600))
    for word in sorted(keep):
        print(f"{word}\t{rows[word]}")


if __name__ == "__main__":
    main()
