@echo -off
FS0:\Image initrd=\initrd.img loglevel=4 panic=-1 console=ttyAMA0
