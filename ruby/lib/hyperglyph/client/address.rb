# frozen_string_literal: true

require "ipaddr"

module Hyperglyph
  class Client
    # Which addresses are public (REQ-URL-12).
    module Address
      V4 = %w[
        0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24
        192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
      ].map { |range| IPAddr.new(range) }.freeze
      # All that is public in IPv6 is in the first range, and in none of the others.
      V6 = IPAddr.new("2000::/3")
      V6_SPECIAL = %w[2001::/23 2001:db8::/32 3fff::/20].map { |range| IPAddr.new(range) }.freeze
      # IPv6 addresses that stand for an IPv4 address: so many bits to the right of it.
      EMBEDDED = { "::ffff:0:0/96" => 0, "::/96" => 0, "64:ff9b::/96" => 0, "2002::/16" => 80 }
                 .transform_keys { |range| IPAddr.new(range) }.freeze
      PART = /\A(?:0x\h*|[0-9]+)\z/i.freeze

      module_function

      # Whether an address, a text that names one and no host, is public. false for what cannot be read.
      def public?(text)
        judge(IPAddr.new(text[/\A[^%]*/]))
      rescue IPAddr::Error
        false
      end

      # Of the host of a URL: true or false if it is an address, in any spelling that a resolver takes, or a
      # name for this machine; nil if it must be resolved.
      def of_host(host)
        host = host.delete_suffix(".")
        return false if host == "localhost" || host.end_with?(".localhost")
        return public?(host) if host.include?(":")

        number = number(host)
        number && judge(IPAddr.new(number, Socket::AF_INET))
      end

      # Whether a host is this machine, by its name or by its usual address.
      def own?(host)
        host == "localhost" || host.end_with?(".localhost") || host == "::1" || host.match?(/\A127\.[0-9.]+\z/)
      end

      def judge(address)
        return V4.none? { |range| range.include?(address) } if address.ipv4?

        EMBEDDED.each do |range, shift|
          next unless range.include?(address)

          return judge(IPAddr.new((address.to_i >> shift) & 0xffff_ffff, Socket::AF_INET))
        end
        V6.include?(address) && V6_SPECIAL.none? { |range| range.include?(address) }
      end

      # The address that a resolver makes of numbers, as `127.1` and `0x7f000001`: one to four, the last one
      # filling what is left. nil for what is no such thing. Beyond the range it is 0, which is not public.
      def number(host)
        parts = host.split(".", -1)
        return unless parts.size.between?(1, 4) && parts.all?(PART)

        values = parts.map { |part| value(part) }
        last = values.pop
        return 0 if values.any? { |value| value > 255 } || last >= 256**(4 - values.size)

        values.each_with_index.sum { |value, index| value << (24 - (8 * index)) } + last
      end

      def value(part)
        return part[2..].hex if part.match?(/\A0x/i)

        part.start_with?("0") && part.match?(/\A[0-7]+\z/) ? part.oct : part.to_i
      end
      private_class_method :judge, :number, :value
    end
  end
end
