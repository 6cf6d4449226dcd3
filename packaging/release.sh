#!/bin/bash
# Make a source release of the commit that is checked out: packaging/release.sh [DIRECTORY]
#
# Makes in DIRECTORY (dist) grubkd-VERSION.tar.gz, the SBOM grubkd-VERSION.cdx.json (CycloneDX, of the libraries with the
# versions and digests of packaging/onefile/requirements.txt), and SHA256SUMS; then the tag vVERSION, which git signs,
# with these sums. One commit gives the same bytes anywhere: the time of everything is that of the commit.
# Needs git with a signing key (user.signingKey), and Python 3.11 or later with venv; pip fetches packaging/release.txt.
set -euo pipefail
out=$(realpath --canonicalize-missing "${1:-dist}")
cd "$(dirname "$0")/.."
fail() {
    echo "release.sh: $1" >&2
    exit 1
}

version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' grubkd/__init__.py)
tag=v$version
name=grubkd-$version
[[ -z $(git status --porcelain) ]] || fail "there are changes that are not committed: commit them"
git rev-parse --quiet --verify "refs/tags/$tag" >/dev/null &&
    fail "the tag $tag exists: raise the version, in grubkd/__init__.py, debian/changelog and packaging/grubkd.spec"
git config user.signingKey >/dev/null || fail "git has no signing key: git config user.signingKey KEY"
for file in debian/changelog packaging/grubkd.spec; do
    grep -qE "^(grubkd \($version\)|Version: +$version\$)" $file || fail "$file has another version than $version"
done

export SOURCE_DATE_EPOCH PYTHONDONTWRITEBYTECODE=1 LC_ALL=C.UTF-8 TZ=UTC
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/source" "$work/repacked"
umask 022
git archive HEAD | tar --extract --directory "$work/source"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --quiet --disable-pip-version-check install --no-deps --requirement packaging/release.txt

"$work/venv/bin/python" -m build --sdist --no-isolation --outdir "$work" "$work/source" >"$work/log" 2>&1 ||
    fail "$(cat "$work/log")"
# setuptools keeps the times of the files and of the build, and the user's name.
tar --extract --file "$work/$name.tar.gz" --directory "$work/repacked"
tar --create --directory "$work/repacked" --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 \
    --numeric-owner --mode=u=rwX,go=rX "$name" | gzip --no-name -9 >"$out/$name.tar.gz"

# The tool reads what pyproject.toml says itself; setup.py adds these two.
sed "s/^dynamic = .*/version = \"$version\"\nlicense = \"LGPL-2.1-or-later\"/" pyproject.toml >"$work/pyproject.toml"
"$work/venv/bin/cyclonedx-py" requirements --output-reproducible --pyproject "$work/pyproject.toml" \
    --output-file "$out/$name.cdx.json" packaging/onefile/requirements.txt 2>"$work/log" || fail "$(cat "$work/log")"

(cd "$out" && sha256sum "$name.tar.gz" "$name.cdx.json" >SHA256SUMS)
git tag --sign --message "grubkd $version"$'\n\n'"$(cat "$out/SHA256SUMS")" "$tag"
cat "$out/SHA256SUMS"
echo "tagged $tag; publish it with: git push origin $tag"
