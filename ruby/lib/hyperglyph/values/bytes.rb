# frozen_string_literal: true

module Hyperglyph
  # A bytearray that is a key of a dict or an item of a set, or in a list or set there. Frozen.
  #
  # Everywhere else a bytearray is a String in Encoding::BINARY. But Ruby holds "a" and "a".b to be
  # one key, and the standard (REQ-KEY-3) does not.
  class Bytes
    # The octets, as a frozen String in Encoding::BINARY.
    attr_reader :to_str
    alias to_s to_str
    alias b to_str

    def initialize(octets)
      @to_str = octets.b.freeze
      freeze
    end

    def ==(other)
      other.is_a?(Bytes) && other.to_str == @to_str
    end
    alias eql? ==

    def hash
      [Bytes, @to_str].hash
    end

    def inspect
      "#<Hyperglyph::Bytes #{@to_str.inspect}>"
    end
  end
end
