# Completion of grubkd for fish. grubkd itself says what may stand where the cursor is.

function __grubkd_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l token (commandline --current-token --cut-at-cursor)
    set -l found ($words[1] --complete fish $words[2..] (string unescape -- $token; or echo $token) 2>/dev/null </dev/null)
    # A list of one, empty where there is no option before the name: nothing times a list is nothing.
    set -l option (string match --regex '^--[^=]*=' -- $token; or echo)
    set -l rest (string replace --regex '^--[^=]*=' '' -- $token)
    switch "$found[1]"
        case \tfiles
            printf '%s\n' $option(__fish_complete_path $rest '')
        case \tdirectories
            printf '%s\n' $option(__fish_complete_directories $rest '')
        case '*'
            printf '%s\n' $found
    end
end

complete --command grubkd --no-files --keep-order --arguments '(__grubkd_complete)'
