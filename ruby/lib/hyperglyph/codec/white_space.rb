# frozen_string_literal: true

module Hyperglyph
  module Codec
    # Counts the white space of a message and goes past it.
    class WhiteSpace
      OTHER = /[^ \t\v\r\n]/n

      def initialize(limits)
        @left = limits.white_space
      end

      # Where the first other octet from `pos` on is, or the end. `base` is where the buffer begins.
      def skip(buffer, base, pos)
        stop = buffer.index(OTHER, pos) || buffer.bytesize
        width = stop - pos
        if width > @left
          raise DecodeError.new(:limit, base + pos + @left, "there is more white space than the limits allow")
        end

        @left -= width
        stop
      end
    end
  end
end
