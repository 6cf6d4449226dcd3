#!/bin/bash
# The part of onefile.sh that runs inside the Debian of the build, on /build/source: makes /build/grubkd.
set -euo pipefail
arch=$1 target=$1-linux-gnu
source=/build/source here=/build/source/packaging/onefile
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
umask 022
cd /build

# The versions and digests of everything from PyPI; C code from the sources, since wheels hold shared libraries.
python3.11 -m venv venv
pip() { venv/bin/pip --quiet "$@"; }
pip install --require-hashes --no-deps --only-binary=:all: --requirement "$here/tools.txt"
pip download --require-hashes --no-deps --no-build-isolation --no-binary=cffi,psutil,python-augeas \
    --dest=got --requirement "$here/requirements.txt"
mkdir unpacked library objects
for file in got/*.tar.gz /mnt/python3.11_*.orig.tar.gz; do
    tar --extract --no-same-owner --file "$file" --directory unpacked
done
for file in got/*.whl; do
    python3.11 -m zipfile -e "$file" library
done
cp -r unpacked/python-augeas-*/augeas unpacked/psutil-*/psutil library

# grubkd as its build makes it, with the parsers' tables and the text of the manual.
(cd "$source" && PYTHONPATH=/build/library:$source ../venv/bin/python setup.py --quiet build_py --build-lib ../package)

compile() {
    local object=$1
    shift
    "$target-gcc-12" -O2 -DNDEBUG -w -I"$here" -I/usr/include/python3.11 -ffile-prefix-map=/build=. "$@" -c -o "objects/$object.o"
}
venv/bin/python -c 'from runpy import run_path; run_path("library/augeas/ffi.py")["ffi"].emit_c_code("objects/_augeas.c")'
compile _augeas objects/_augeas.c
compile _cffi_backend unpacked/cffi-*/src/c/_cffi_backend.c -DFFI_BUILDING=1 -DUSE__THREAD -DHAVE_SYNC_SYNCHRONIZE
version=$(sed -n 's/^psutil==\([0-9.]*\).*/\1/p' "$here/requirements.txt")
for file in unpacked/psutil-*/psutil/{_psutil_linux.c,arch/{all,posix,linux}/*.c}; do
    name=${file#*/psutil/}
    compile "psutil-${name//\//-}" "$file" -D_GNU_SOURCE -DPSUTIL_VERSION="${version//./}" -DPSUTIL_POSIX=1 \
        -DPSUTIL_LINUX=1 -DPSUTIL_SIZEOF_PID_T=4
done
# Modules that Debian's static library of Python lacks.
for name in _bz2module _contextvarsmodule _json _lzmamodule resource; do
    compile "$name" unpacked/Python-3.11.*/Modules/"$name.c" -DPy_BUILD_CORE_MODULE -I/usr/include/python3.11/internal
done
for name in main unused; do
    compile "$name" "$here/$name.c"
done
# The linker warns about functions that need glibc's shared libraries: main.c keeps those of passwd and group from it,
# and no verb asks for the address of a host.
"$target-gcc-12" -static -no-pie -s -Wl,--build-id=none -L"/usr/lib/$target" -o grubkd objects/*.o \
    "/usr/lib/python3.11/config-3.11-$target/libpython3.11.a" -laugeas -lfa -lexpat -lbz2 -llzma -lz -lffi -lm

licences() {
    sed "s/@VERSION@/$1/" "$here/licences.txt"
    local name file
    while read -r name file; do
        printf '\n%s\n%s\n\n' "$(printf '=%.0s' {1..80})" "$name"
        # shellcheck disable=SC2086 # a pattern
        cat $file
    done <<LIST
grubkd $source/LICENSE
Python /usr/share/doc/libpython3.11-minimal/copyright
click library/click-*.dist-info/licenses/LICENSE.txt
lark library/lark-*.dist-info/licenses/LICENSE
psutil unpacked/psutil-*/LICENSE
python-augeas unpacked/python-augeas-*/COPYING
cffi unpacked/cffi-*/LICENSE
libaugeas /usr/share/doc/libaugeas0/copyright
glibc /usr/share/doc/libc6/copyright
libgcc /usr/share/doc/libgcc-s1/copyright
bzip2 /usr/share/doc/libbz2-1.0/copyright
liblzma /usr/share/doc/liblzma5/copyright
libexpat /usr/share/doc/libexpat1/copyright
libffi /usr/share/doc/libffi8/copyright
zlib /usr/share/doc/zlib1g/copyright
LIST
}
licences "$arch" >LICENSES
python3.11 "$here/assemble.py" grubkd LICENSES package library
