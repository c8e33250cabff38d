# Whether files are still what they were. sha256sum and stat are the judges.
load ../lib/common

# A folder with some files, sealed, and old enough for any clock.
setup() {
    cd "$BATS_TEST_TMPDIR" || return
    mkdir -p entry/sub
    echo one >entry/a && : >entry/sub/b && printf x >'entry/with blank'
    ln -s a entry/link
    find entry -type f -exec touch -d 2001-02-03 {} +
    wisp-cache seal entry
}

# refused STATUS MESSAGE ARGUMENT...: with that line alone.
refused() {
    local status=$1 message=$2
    shift 2
    run "-$status" --separate-stderr wisp-cache "$@"
    printf 'got:      %s\nexpected: %s\n' "$stderr" "wisp-cache: $message"
    [ "$stderr" = "wisp-cache: $message" ]
    [ -z "$output" ]
}

sum() { sha256sum <"$1" | cut -d ' ' -f 1; }

# reads FILE COMMAND...: whether the command opens FILE.
reads() {
    local file=$1
    shift
    strace -f -qq -e trace=openat,open -o calls "$@"
    grep -qF "\"$file\"" calls
}

@test "a sealed folder is one that sha256sum and sha1sum accept" {
    (cd entry && sha256sum --strict --quiet -c SHA256SUMS && sha1sum --strict --quiet -c SHA1SUMS)
    [ "$(cut -c 67- entry/SHA256SUMS)" = "$(printf '%s\n' SHA1SUMS a sub/b 'with blank')" ]
    cp -R entry other
    rm other/SHA*
    wisp-cache seal other
    diff -r entry other
    run -0 --separate-stderr wisp-cache check entry
    [ -z "$output$stderr" ]
}

@test "links are no files of a sealed folder, whatever they lead to" {
    cp entry/SHA256SUMS before
    ln -s loop entry/loop && ln -s none entry/dangling && ln -s .. entry/sub/up
    run -0 --separate-stderr wisp-cache seal entry
    [ -z "$output$stderr" ]
    cmp before entry/SHA256SUMS
}

@test "a file whose name has a newline is not sealed" {
    mkdir new && echo a >new/a && echo b >$'new/b\nc'
    refused 1 'new/b\x0ac: has a newline in its name' seal new
    [ ! -e new/SHA1SUMS ] && [ ! -e new/SHA256SUMS ]
}

@test "a file that is not as listed is refused by name, with and without an index" {
    wisp-cache check --index index entry
    for index in '' '--index index'; do
        echo two >entry/a
        # shellcheck disable=SC2086 # an option and its value
        refused 1 "entry/a: has SHA-256 $(sum entry/a), the list says $(echo one | sha256sum | cut -d ' ' -f 1)" check $index entry
        echo one >entry/a
        mv entry/sub/b .
        # shellcheck disable=SC2086
        refused 1 'entry/sub/b: is no file that can be read' check $index entry
        mv b entry/sub
        # shellcheck disable=SC2086
        run -0 wisp-cache check $index entry
    done
    sed -i 1d entry/SHA256SUMS && printf '%064d  ../a\n' 0 >>entry/SHA256SUMS
    refused 1 "entry/SHA256SUMS: path '../a' has a part '..'" check entry
    head -c 20 entry/SHA1SUMS >entry/SHA256SUMS
    refused 1 'entry/SHA256SUMS:1: is no line of a list of checksums' check entry
    rm entry/SHA256SUMS
    refused 1 'entry/SHA256SUMS: is no file that can be read' check entry
}

@test "with an index, files are read once and not again until one changed" {
    unsanitized "strace and the sanitizers' own tracing exclude each other"
    reads entry/a wisp-cache check --index index entry
    wait_a_tick
    wisp-cache check --index index entry
    run ! reads entry/a wisp-cache check --index index entry
    touch -d 2001-02-04 entry/a
    reads entry/a wisp-cache check --index index entry
    wait_a_tick
    wisp-cache check --index index entry
    run ! reads entry/a wisp-cache check --index index entry
    # an index that is damaged knows nothing
    echo garbage >index
    reads entry/a wisp-cache check --index index entry
}

# wait_a_tick: until a new file has a later time than the newest there is.
wait_a_tick() {
    local newest
    newest=$(find . -printf '%C@\n' | sort -n | tail -n 1)
    while touch probe && [ "$(stat -c %.9Z probe)" = "${newest%?}" ]; do :; done
    rm probe
}

@test "an index that cannot be written costs nothing but time" {
    umask 022
    : >file
    run -0 --separate-stderr wisp-cache check --index file/index entry
    [ -z "$output$stderr" ]
    run -0 --separate-stderr wisp-cache check --index new/folder/index entry
    [ -s new/folder/index ]
    [ "$(stat -c %a new/folder/index)" = 600 ]
}

@test "an index or a record that cannot be read costs nothing but time" {
    mkdir folder
    truncate -s 65M large # more than is ever read
    for list in folder large; do
        run -0 --separate-stderr wisp-cache check --index $list entry
        [ -z "$output$stderr" ]
    done
    [ "$(stat -c %s large)" -lt 10000 ] # a file is replaced by one that can be read
    truncate -s 65M large
    for list in folder large; do
        run -0 --separate-stderr wisp-cache look --record $list entry
        [ -z "$stderr" ]
        [ "${#lines[@]}" -eq 5 ]
    done
}

# publish RESULT PATH...: RESULT, made in work, is published here, and kept with the PATHs.
publish() {
    local result=$1
    shift
    wisp-cache publish --record record --from work --into . --result "$result" "$@" <noted
}

# A result made of input and entry, and kept.
kept() {
    mkdir -p work
    echo in >input && echo out >work/result
    touch -d 2001-02-03 input work/result
    wisp-cache look --record record input entry >noted
    [ "$(grep -c ' entry/' noted)" -eq 5 ]
    publish result input entry
}

unchanged() { [ -z "$(wisp-cache look --record record input entry)" ]; }

@test "what was kept and has not changed is not noted again" {
    umask 022
    kept
    unchanged
    [ "$(stat -c %a record)" = 600 ]
    for change in 'echo IN >input' 'touch -d 2001-02-05 input' 'cp -p input i && mv i input' 'rm input' 'echo OUT >result' 'rm result' \
        'printf y >entry/with\ blank' 'rm record' 'echo >>record' 'head -c 9 record >r && mv r record'; do
        kept
        unchanged
        eval "$change"
        run ! unchanged
    done
}

@test "look --index checks sealed folders as check does, where something has changed" {
    kept
    look() { wisp-cache look --record record --index index input entry; }
    printf x | dd of=entry/a bs=1 conv=notrunc status=none # of the same size
    run -1 --separate-stderr look
    [ -z "$output" ]
    [[ "$stderr" == "wisp-cache: entry/a: has SHA-256 "*", the list says "* ]]
    rm -f entry/SHA* && wisp-cache seal entry
    [ "$(look | grep -c ' entry/')" -eq 5 ]
    [ "$(grep -c ' entry/' index)" -eq 5 ]
    wisp-cache check --index index entry
    rm -r entry index
    [ "$(look | cut -d ' ' -f 6)" = input ]
    [ ! -e index ]
}

@test "look --index does not read what the index knows" {
    unsanitized "strace and sanitizers exclude each other"
    kept
    wisp-cache check --index index entry
    touch input
    strace -f -o trace -e trace=openat wisp-cache look --record record --index index input entry >noted
    [ -s noted ]
    grep -q SHA256SUMS trace
    run ! grep entry/a trace
}

@test "another build's result is not this one's" {
    kept
    unchanged
    echo OUT >same && touch -r result same && mv same result # of the same size and time
    run ! unchanged
}

@test "what depends on more than was kept is not up to date" {
    kept
    echo more >another
    [ -n "$(wisp-cache look --record record input entry another)" ]
}

@test "what changed while it was used is not published" {
    echo old >result
    for change in 'echo changed >input' 'rm input' 'cp -p input i && mv i input'; do
        mkdir work && echo in >input && echo out >work/result && echo more >work/more
        touch -d 2001-02-03 input
        wisp-cache look --record record input entry >noted
        [ "$(head -n 1 noted | cut -d ' ' -f 1,6)" = '3 input' ]
        eval "$change"
        refused 2 'input: has changed while it was used; build again' publish --record record --from work --into . --result result \
            input entry <noted
        [ ! -e record ] && [ "$(cat result)" = old ]
        [ "$(cat work/result work/more)" = $'out\nmore' ]
        rm -r work
    done
}

@test "an entry that is damaged or gone meanwhile spoils the record and no result" {
    for change in 'rm entry/SHA256SUMS' 'echo garbage >entry/SHA256SUMS' 'rm -r entry' 'cp -Rp entry e && rm -r entry && mv e entry'; do
        mkdir work && echo out >work/result
        wisp-cache look --record record entry >noted
        [ -s noted ]
        eval "$change"
        run -0 --separate-stderr publish result entry
        [ -z "$output$stderr" ]
        [ "$(cat result)" = out ] && [ ! -e record ]
        mkdir -p entry && echo one >entry/a && rm -f entry/SHA*
        wisp-cache seal entry
    done
}

# Kernels before 6.13 stamp files by the ticks of a clock, so a change within one tick would not show.
@test "a file that changes right behind the look is found out, however soon" {
    for ((i = 0; i < 50; i++)); do
        echo one >input
        wisp-cache look --record record input >noted
        printf 'two\n' 1<>input # the same file, the same size
        wisp-cache look --record record input >now
        [ "$(cat noted)" != "$(cat now)" ]
    done
}

@test "what was made a moment ago and has not changed is up to date, however soon one asks" {
    for ((i = 0; i < 50; i++)); do
        mkdir work && echo in >input
        wisp-cache look --record record input >noted
        echo out >work/result
        publish result input
        [ -z "$(wisp-cache look --record record input)" ]
    done
}

@test "files from the future are not waited for, and those of a moment ago together" {
    unsanitized "strace and the sanitizers' own tracing exclude each other"
    mkdir many && for ((i = 0; i < 100; i++)); do echo $i >many/$i; done
    wisp-cache seal many
    sleeps() {
        strace -f -qq -e trace=nanosleep,clock_nanosleep -e signal=none -o calls "$@" wisp-cache look --record record many >noted
        [ "$(wc -l <noted)" -eq 102 ]
        wc -l <calls
    }
    [ "$(sleeps env NO_FAKE_STAT=1 faketime '2001-02-03')" -eq 0 ]
    touch many/*
    [ "$(sleeps)" -le 40 ] # in a tick of 10 ms at most, halves of a millisecond
}

@test "a file that changes right behind the keeping is found out, however soon" {
    for ((i = 0; i < 100; i++)); do
        mkdir work && echo in >input && echo out >work/result
        wisp-cache look --record record input >noted
        publish result input
        printf 'OUT\n' 1<>result # the same file, the same size
        [ -n "$(wisp-cache look --record record input)" ]
    done
}

@test "put gives a folder its name, leaves a whole one alone and replaces a damaged one" {
    inode() { stat -c %i "$1"; }
    cp -R entry fresh && made=$(inode fresh)
    wisp-cache put fresh named
    [ "$(inode named)" = "$made" ] && [ ! -e fresh ]
    cp -R entry second
    wisp-cache put second named
    [ "$(inode named)" = "$made" ] && [ ! -e second ]
    for damage in 'echo x >named/a' 'rm named/a' 'rm named/SHA256SUMS'; do
        eval "$damage"
        cp -R entry third && made=$(inode third)
        wisp-cache put third named
        [ "$(inode named)" = "$made" ] && [ ! -e third ]
        wisp-cache check named
    done
    : >input
    refused 2 'none/named: rename: No such file or directory' put entry none/named
    refused 2 'input: rename: Not a directory' put entry input
    wisp-cache check entry
}

@test "publish without a record holds paths to what they were, and keeps nothing" {
    mkdir work && echo in >input && echo out >work/result
    wisp-cache look input >noted
    wisp-cache publish --from work --into . --result result input <noted
    [ "$(cat result)" = out ] && [ ! -e record ]
    mkdir work && echo new >work/result
    echo changed >input
    run -2 --separate-stderr wisp-cache publish --from work --into . --result result input <noted
    [ "$stderr" = 'wisp-cache: input: has changed while it was used; build again' ]
    [ "$(cat result)" = out ] && [ -e work/result ]
}

@test "publish gives files their names, whatever had them, and the folder they were made in goes" {
    mkdir -p from/rest into && echo old >into/there && echo kept >into/other && ln -s other into/link
    for name in new there link rest/none; do echo "$name" >"from/$name"; done
    inode=$(stat -c %i from/there)
    wisp-cache publish --from from --into into --result new --result there --result link
    [ ! -e from ]
    for name in new there link; do [ "$(cat "into/$name")" = "$name" ]; done
    [ ! -L into/link ]
    [ "$(ls into)" = "$(printf '%s\n' link new other there)" ]
    [ "$(cat into/other)" = kept ]
    [ "$(stat -c %i into/there)" = "$inode" ]
}

@test "publish leaves what it cannot replace" {
    mkdir -p from into/folder && echo new >from/folder && echo old >into/there
    refused 2 'into/folder: rename: Is a directory' publish --from from --into into --result folder
    [ -d into/folder ]
    [ "$(cat from/folder)" = new ]
    refused 2 'into/there: rename: No such file or directory' publish --from from --into into --result there
    [ "$(cat into/there)" = old ]
}

@test "a signal between two results comes when all have their names" {
    unsanitized "strace and the sanitizers' own tracing exclude each other"
    for signal in HUP INT TERM; do
        mkdir -p from into && echo new >from/a && echo new >from/b && echo old | tee into/a >into/b
        run "-$((128 + $(kill -l "$signal")))" env --default-signal strace -qq -o /dev/null -e trace=renameat2 \
            -e "inject=renameat2:signal=$signal:when=1" wisp-cache publish --from from --into into --result a --result b
        [ "$(cat into/a into/b)" = $'new\nnew' ]
        [ ! -e from ]
    done
}

@test "who publishes into a folder waits until nobody else does" {
    mkdir from into && echo new >from/a && echo old >into/a
    exec 9<into
    flock 9
    wisp-cache publish --from from --into into --result a 3>&- 9<&- &
    publisher=$!
    until grep -qE "^[0-9]+: -> FLOCK .* WRITE $publisher " /proc/locks; do kill -0 "$publisher"; done
    [ "$(cat into/a)" = old ]
    exec 9<&-
    wait "$publisher"
    [ "$(cat into/a)" = new ]
}

@test "publish does not remove the folder it publishes into" {
    mkdir -p same/inner && echo a >same/a && ln -s same link
    for into in same same/. ../"${PWD##*/}"/same link same/inner link/inner; do
        refused 2 '--into: lies in --from, which is removed' publish --from same --into "$into" --result a
        [ "$(cat same/a)" = a ]
    done
    echo b >same/inner/a
    wisp-cache publish --from same/inner --into same --result a # the other way round is as wisp.sh does it
    [ "$(cat same/a)" = b ]
}

@test "there is no moment without a file while publish replaces it" {
    unsanitized "strace and the sanitizers' own tracing exclude each other"
    mkdir from into && echo new >from/a && echo old >into/a
    strace -f -qq -e trace=rename,renameat,renameat2,unlink,unlinkat,link,linkat,truncate,open,openat -o calls \
        wisp-cache publish --from from --into into --result a
    grep -F '"into/a"' calls >calls-of-a
    [ "$(wc -l <calls-of-a)" -eq 1 ]
    grep -q 'rename' calls-of-a
    [ "$(cat into/a)" = new ]
}

@test "commands and operands are checked" {
    refused 2 'command: is none of seal, check, put, look, publish'
    refused 2 'frob: is none of seal, check, put, look, publish' frob
    refused 2 'FOLDER: is missing' check
    refused 2 'FOLDER: one is enough' seal entry entry
    refused 2 'put: needs two folders: which gets whose name?' put entry
    refused 2 'publish: needs --from, --into and --result' publish --from entry --result a
    refused 2 'publish: needs --from, --into and --result' publish --from entry --into into
    refused 2 'none: No such file or directory' seal none
    refused 2 '--index: means nothing to seal' seal --index x entry
    refused 2 '--record: means nothing to seal' seal --record x entry
    refused 2 '--record: means nothing to check' check --record x entry
    for option in result from into; do
        for command in seal check look; do
            refused 2 "--$option: means nothing to $command" "$command" "--$option" x entry
        done
    done
    refused 2 '--index: means nothing to publish' publish --index x --from work --into . --result result
    echo garbage >identities
    mkdir work && echo out >work/result
    refused 1 'standard input: is no list of identities' publish --record record --from work --into . --result result input <identities
    [ -e work/result ] && [ ! -e result ]
    run -2 --separate-stderr sh -c 'wisp-cache look --record record entry >/dev/full'
    [ "$stderr" = 'wisp-cache: standard output: write: No space left on device' ]
}
