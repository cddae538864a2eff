const words = (text: string) => text.trim().split(/\s+/);

/** All these hosts, as people may write them in a URL, lead to this machine. */
export const loopbackForms = words(`
  127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0X7F.1 0177.0.0.1 017700000001 0x7f.0x0.0x0.0x1
  127.0.0.1. ①②⑦.⓪.⓪.① 127。0。0。1 １２７.０.０.１ %31%32%37.0.0.1 127.255.255.254
  0 0.0.0.0 0x0 0.1.2.3
  [::1] [0:0:0:0:0:0:0:1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1]
  [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1]
  [2002:7f00:1::] [2001::1] [2001:0:7f00:1::80ff:fffe]
  [2600::5efe:127.0.0.1] [2600::200:5efe:127.0.0.1]
`);

/** All these hosts lead to metadata services and to other internal networks. */
export const internalForms = words(`
  169.254.169.254 0xA9FEA9FE 169.254.43518 2852039166 169.254.170.2 [fd00:ec2::254]
  [fd20:ce::254] 100.100.100.200 168.63.129.16 192.0.0.192
  10.0.0.1 10.1 0xa000001 012.0.0.1 100.64.0.1 172.16.0.1 172.31.255.255 192.168.0.1 192.168.1
  192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1
  192.31.196.1 192.52.193.1 192.175.48.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  [::ffff:10.0.0.1] [::10.0.0.1] [::ffff:8.8.8.8] [64:ff9b::808:808] [64:ff9b:1:fffe::1]
  [64:ff9b:2::1] [2002:808:808::1] [fe80::1] [febf::1] [fec0::1] [fc00::1] [fdff::1] [ff02::1]
  [100::1] [100:0:0:1::1] [400::1] [2001:db8::1] [2001:1::1] [2001:2::1] [2001:10::1]
  [2001:20::1] [2620:4f:8000::1] [3fff::1] [4000::1] [5f00::1] [8000::1]
`);

/** These names mean something internal, whatever a DNS server answers. */
export const internalNames = words(`
  localhost LOCALHOST localhost. ｌocalhost a.localhost a.localhost.
  metadata.google.internal metadata.google.internal. metadata.goog db.internal printer.local
  api.default.svc.cluster.local api.default.svc nas.lan nas.home box.home.arpa wiki.corp
  wiki.intranet wiki.private a.localdomain redis postgres. metadata
`);

/**
 * These hosts are on the Internet, and some of them are direct neighbours of an internal network.
 */
export const publicForms = words(`
  8.8.8.8 134744072 0x08080808 1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0
  126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0
  191.255.255.255 192.0.1.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0
  223.255.255.255 [2606:4700:4700::1111] [2001:4860:4860::8888] [2a00::1] [2003::1]
  example.com EXAMPLE.com. hooks.example.co.uk xn--bcher-kva.example bücher.example
  localhost.example.com internal.example notlocalhost.example a_b.example
`);
