# frozen_string_literal: true

require_relative "helper"

# Joining URLs, and which of them may be followed.
class ClientUrlTest < Minitest::Test
  URL = Hyperglyph::HTTP::URL
  Address = Hyperglyph::Client::Address
  BASE = "http://a/b/c/d;p?q"

  # RFC 3986, sections 5.4.1 and 5.4.2.
  JOINED = {
    "g:h" => "g:h", "g" => "http://a/b/c/g", "./g" => "http://a/b/c/g", "g/" => "http://a/b/c/g/", "/g" => "http://a/g",
    "//g" => "http://g", "?y" => "http://a/b/c/d;p?y", "g?y" => "http://a/b/c/g?y", "#s" => "http://a/b/c/d;p?q#s",
    "g#s" => "http://a/b/c/g#s", "g?y#s" => "http://a/b/c/g?y#s", ";x" => "http://a/b/c/;x", "g;x" => "http://a/b/c/g;x",
    "g;x?y#s" => "http://a/b/c/g;x?y#s", "" => "http://a/b/c/d;p?q", "." => "http://a/b/c/", "./" => "http://a/b/c/",
    ".." => "http://a/b/", "../" => "http://a/b/", "../g" => "http://a/b/g", "../.." => "http://a/", "../../" => "http://a/",
    "../../g" => "http://a/g", "../../../g" => "http://a/g", "../../../../g" => "http://a/g", "/./g" => "http://a/g",
    "/../g" => "http://a/g", "g." => "http://a/b/c/g.", ".g" => "http://a/b/c/.g", "g.." => "http://a/b/c/g..",
    "..g" => "http://a/b/c/..g", "./../g" => "http://a/b/g", "./g/." => "http://a/b/c/g/", "g/./h" => "http://a/b/c/g/h",
    "g/../h" => "http://a/b/c/h", "g;x=1/./y" => "http://a/b/c/g;x=1/y", "g;x=1/../y" => "http://a/b/c/y",
    "g?y/./x" => "http://a/b/c/g?y/./x", "g?y/../x" => "http://a/b/c/g?y/../x", "g#s/./x" => "http://a/b/c/g#s/./x",
    "http:g" => "http:g"
  }.freeze

  def test_joins_as_the_rfc_says
    JOINED.each { |reference, joined| assert_equal joined, URL.join(BASE, reference), reference.inspect }
  end

  def test_joining_spells_nothing_anew
    assert_equal "HTTP://A/%7e//x%2F..%2fy?", URL.join("HTTP://A/z", "/%7e//x%2F..%2fy?")
    assert_equal "http://a/x y\u00e9", URL.join("http://a", "x y\u00e9")
    assert_equal "http://a/b?", URL.join("http://a/b?#f", nil)
  end

  def test_a_target_says_where_a_request_goes
    target = URL.target("HTTPS://H.Example/x?y=%7e#f")
    assert_equal ["https", "h.example", 443, "H.Example", "/x?y=%7e", "https://h.example:443", true],
                 [*target.to_h.values_at(:scheme, :host, :port, :authority, :path, :origin), target.secure?]
    assert_equal ["::1", 8080, "[::1]:8080", "/?q"], URL.target("http://[::1]:8080?q").to_h.values_at(:host, :port, :authority, :path)
  end

  def test_what_cannot_be_followed
    ["http://a b/", "http://a/\u00e9", "http:///x", "http://", "http://[x/", "http://a:0/", "http://a:65536/", "http://a:x/",
     "http://a/\n", "http://a/\u0000", "http://[]/", "http://a/#{'x' * 4000}", "http:g"].each do |url|
      refute assert_raises(URL::Unfit, url) { URL.target(url) }.rule
    end
    %w[ftp://a/ file:///x javascript:1 a/b http://bob@a/ http://bob:x@a/ http://@a/].each do |url|
      assert assert_raises(URL::Unfit, url) { URL.target(url) }.rule
    end
  end

  NOT_PUBLIC = %w[
    127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 0177.0.0.1 017700000001 10.1.2.3 172.16.0.1 172.31.255.255 192.168.0.1
    169.254.169.254 100.64.0.1 0.0.0.0 0 224.0.0.1 240.0.0.1 255.255.255.255 198.18.0.1 192.0.2.1 localhost LOCALHOST.
    x.localhost 127.0.0.1. ::1 :: fe80::1 fc00::1 fd00::1 ff02::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::127.0.0.1
    64:ff9b::7f00:1 2002:7f00:1:: 2001:db8::1 2001::1 4294967296 1.2.3.256 256.1.1.1 fe80::1%eth0
  ].freeze
  PUBLIC = %w[8.8.8.8 93.184.215.14 1.1 172.32.0.1 2606:4700::1111 64:ff9b::808:808 ::ffff:8.8.8.8 2002:808:808::].freeze

  def test_addresses_in_any_spelling
    NOT_PUBLIC.each { |host| assert_equal false, Address.of_host(host.downcase), host }
    PUBLIC.each { |host| assert_equal true, Address.of_host(host), host }
    %w[example.org a.1.2.3.4.5 1.2.3.4.5 x127.0.0.1 deadbeef 0xg].each { |host| assert_nil Address.of_host(host), host }
  end
end
