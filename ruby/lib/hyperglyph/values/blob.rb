# frozen_string_literal: true

require "stringio"
require "tempfile"

module Hyperglyph
  # Octets that travel behind the value (chapter 10 of the standard), with attributes.
  #
  #   Hyperglyph::Blob.new(File.open("a.png", "rb"), content_type: "image/png")
  #
  # Equal to a blob of the same attributes and octets; comparing reads both.
  class Blob
    # Octets of each chunk in a message (REQ-CAN-2).
    CHUNK = 65_536
    DEFAULT_TYPE = "application/octet-stream"

    # A frozen Hash or OrderedHash with keys that are String.
    attr_reader :attributes

    # `content` is a String, or what can be read, from where it stands, by `read(n)`. `attributes`
    # are those beside the content type. TypeError if it is neither, ArgumentError for a content
    # type that is no text.
    def initialize(content, content_type:, attributes: {})
      raise ArgumentError, "content_type is a media type, as text/plain" unless content_type.is_a?(String)
      raise TypeError, "the content is a String, or has read" unless content.is_a?(String) || content.respond_to?(:read)

      given = attributes.is_a?(OrderedHash) ? OrderedHash.new : {}
      given["content-type"] = content_type
      @attributes = Extension.attributes(given.merge(attributes))
      @source = content.is_a?(String) ? content.b.freeze : content
      @start = position
    end

    # What a decoder builds: attributes as they came, and a Spool that is filled later.
    def self.decoded(attributes, spool)
      allocate.tap { |blob| blob.__send__(:take, attributes, spool) }
    end

    # A blob of the same content with other attributes.
    def with(attributes)
      dup.tap { |blob| blob.instance_variable_set(:@attributes, attributes.freeze) }
    end

    # The media type; application/octet-stream where the attributes have none, or no text.
    def content_type
      type = @attributes["content-type"]
      type.is_a?(String) ? type : DEFAULT_TYPE
    end

    # The attribute of this name, or nil.
    def [](name)
      @attributes[name.to_s]
    end

    # The content to be read, from its start if it can be rewound. A decoded blob beyond
    # Spool::IN_MEMORY octets is read from a file without a name, which goes with the blob or by `close`.
    def io
      return StringIO.new(@source) if @source.is_a?(String)
      return StringIO.new(@source.octets) if @source.is_a?(Spool) && @source.octets

      stream = @source.is_a?(Spool) ? @source.file : @source
      stream.seek(@start) if @start
      stream
    end

    # The whole content, as a String in Encoding::BINARY.
    def read
      return @source if @source.is_a?(String)

      (io.read || "").b
    end

    # Octets of the content, or nil where that is not known.
    def size
      case @source
      when String then @source.bytesize
      when Spool then @source.size
      else @start && @source.respond_to?(:size) ? @source.size - @start : nil
      end
    end

    # Gives the content in Strings of CHUNK octets, the last one with what is left.
    def each_chunk
      return enum_for(:each_chunk) unless block_given?

      stream = io
      loop do
        piece = fill(stream)
        yield piece unless piece.empty?
        break if piece.bytesize < CHUNK
      end
    end

    # Lets go of the content.
    def close
      @source.close if @source.respond_to?(:close)
    end

    def ==(other)
      other.is_a?(Blob) && other.attributes.instance_of?(@attributes.class) && other.attributes == @attributes &&
        (equal?(other) || other.read == read)
    end

    def inspect
      "#<Hyperglyph::Blob #{content_type} #{size || '?'} octets>"
    end

    private

    def take(attributes, spool)
      @attributes = attributes.freeze
      @source = spool
      @start = 0
    end

    # Where a stream stands, and nil where it cannot tell, as a pipe.
    def position
      @source.pos if @source.respond_to?(:pos) && @source.respond_to?(:seek)
    rescue SystemCallError, IOError
      nil
    end

    # A stream may give less than it is asked for.
    def fill(stream)
      piece = stream.read(CHUNK) or return "".b
      piece = piece.b
      while piece.bytesize < CHUNK
        more = stream.read(CHUNK - piece.bytesize)
        break if more.nil? || more.empty?

        piece << more.b
      end
      piece
    end

    # Where the content of a decoded blob is kept: in memory, then in a file without a name.
    class Spool
      # Octets of one blob.
      IN_MEMORY = 1 << 20

      # Octets that came; the content, while it is in memory, and the file it is in after that.
      attr_reader :size, :octets, :file

      def initialize
        @size = 0
        @octets = String.new(encoding: Encoding::BINARY)
        @file = nil
      end

      def write(piece)
        @size += piece.bytesize
        move if @octets && @size > IN_MEMORY
        (@octets || @file) << piece
      end

      # All is there.
      def done
        @octets ? @octets.freeze : @file.flush
      end

      def close
        @file&.close
      end

      private

      def move
        @file = Tempfile.new("hyperglyph", binmode: true).tap(&:unlink)
        @file << @octets
        @octets = nil
      end
    end
  end
end
