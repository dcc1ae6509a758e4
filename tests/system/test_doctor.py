"""What costs performance, found on real guests: one set up badly, and one well."""

import os

import harness
from harness import Case


class Doctor(Case):
    def image(self, name):
        path = os.path.join(harness.HOST.scratch, f"{name}.img")
        with open(path, "wb") as file:
            file.truncate(1 << 20)
        return path

    def badly(self):
        return self.guest("badly", vcpus=1, current=None, memory_mib=4096, devices=f"""
<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='{self.image("bad1")}'/>
<target dev='sda' bus='sata'/></disk>
<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none' io='threads'/>
<source file='{self.image("bad2")}'/><target dev='vda' bus='virtio'/></disk>
<interface type='user'><mac address='52:54:00:aa:00:01'/><model type='e1000e'/></interface>""")

    def test_found(self):
        self.badly()
        daemon = self.daemon("guests: [{match: {name: badly}, cpu: {policy: dedicated}}]")
        daemon.wait_cycles(3)
        print(daemon.ctl("doctor", check=False).stdout)
        print(daemon.ctl("doctor", "--json", check=False).stdout)
