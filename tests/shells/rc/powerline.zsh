# middle
. /usr/share/powerline/bindings/zsh/powerline.zsh
