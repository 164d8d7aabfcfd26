#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Look for branches and addresses that depend on a secret (tests/ctgrind/ct_age.c): 0 reports for
# what keys/ does, and at least one for each mistake that is planted.
# usage: run.sh BUILD
set -eu
build=$1/ctgrind
here=$(dirname "$0")
make --no-print-directory BUILD="$build" CFLAGS=-DBULLA_CTGRIND "$build/tools/ct_age"

# valgrind's exit status: 9 with reports, else the program's
look() {
	status=0
	valgrind -q --error-exitcode=9 --suppressions="$here/memcheck.supp" "$build/tools/ct_age" "$1" \
		>"$build/ct_age.log" 2>&1 || status=$?
}

look clean
if [ "$status" != 0 ]; then
	cat "$build/ct_age.log"
	echo "ctgrind: clean: FAILED (status $status)"
	exit 1
fi
echo 'ctgrind: keys: 0 reports'
for mistake in planted-memcmp planted-branch planted-table; do
	look "$mistake"
	if [ "$status" != 9 ] || ! grep -q 'uninitialised value' "$build/ct_age.log"; then
		cat "$build/ct_age.log"
		echo "ctgrind: $mistake: not reported (status $status)"
		exit 1
	fi
	echo "ctgrind: $mistake: reported, as it must be"
done
