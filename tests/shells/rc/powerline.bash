# middle
. /usr/share/powerline/bindings/bash/powerline.sh
