#!/bin/sh
# Adds Trainscope to this user's menu, or removes it with --uninstall. The program folder must stay in place.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
bin=$HOME/.local/bin
id=org.trainscope.Trainscope

if [ "${1:-}" = --uninstall ]; then
    rm -f "$data/applications/$id.desktop" "$data/metainfo/$id.metainfo.xml" "$data"/icons/hicolor/*/apps/$id.png
    [ "$(readlink "$bin/trainscope" || true)" = "$here/Trainscope" ] && rm -f "$bin/trainscope"
    echo "Trainscope was removed from the menu; to uninstall it, delete the folder $here."
else
    mkdir -p "$data/applications" "$data/metainfo" "$bin"
    # Quote and escape the path as desktop entries require.
    program=$(printf %s "$here/Trainscope" | sed -e 's/[\\"`$]/\\&/g' -e 's/\\/\\\\/g' -e 's/%/%%/g')
    while IFS= read -r line; do
        case $line in
            Exec=*) printf 'Exec="%s"\n' "$program" ;;
            *) printf '%s\n' "$line" ;;
        esac
    done < "$here/share/$id.desktop" > "$data/applications/$id.desktop"
    cp "$here/share/$id.metainfo.xml" "$data/metainfo/"
    for picture in "$here"/share/trainscope-*.png; do
        side=${picture##*-}
        side=${side%.png}
        mkdir -p "$data/icons/hicolor/${side}x$side/apps"
        cp "$picture" "$data/icons/hicolor/${side}x$side/apps/$id.png"
    done
    if [ ! -e "$bin/trainscope" ] || [ -L "$bin/trainscope" ]; then
        ln -sf "$here/Trainscope" "$bin/trainscope"
    fi
    echo "Trainscope is in the menu now, and 'trainscope' in a terminal if $bin is on its path."
    echo "To remove it again: $here/install.sh --uninstall"
fi
if command -v update-desktop-database > /dev/null; then
    update-desktop-database -q "$data/applications" || true
fi
