function fish_prompt; echo -n (prompt_pwd)'> '; end
# middle
function fish_prompt; set -l code $status; echo -n "[$code] "(prompt_pwd)'> '; end
